/** The trial screen: everything that touches the page, and nothing that decides. */

import { MOVED, problemCard } from "./cards.js";
import { FRAMES_PX, fittingMultiple, gridOf, onceASession, roomPx } from "./display.js";
import { answerOf, placeAfter } from "./keys.js";
import { Names } from "./names.js";
import { layoutOf } from "./protocols.js";
import { Stage } from "./stage.js";
import * as words from "./words.js";

const NEVER = new Promise(() => {});

export class View {
  #layout = "single";
  #multiple = null; // set by the first block
  #image_px = null;
  #takeAnswer = null; // set while an answer is awaited
  #isOver = false;

  /** @param {{document: Document, window: Window, session: Storage, code: string}} parts */
  constructor({ document, window, session, code }) {
    Object.assign(this, { document, window, session, code });
    const pressed = (place, event) => this.#pressImage(place, event);
    this.stage = new Stage({ document, root: this.#find("stage"), pressed });
    const named = (choice, event) => this.#press(choice, event);
    this.names = new Names({ document, root: this.#find("names"), pressed: named });
    document.addEventListener("keydown", (event) => this.#keyDown(event));
    for (const [id, choice] of Object.entries({ real: "real", fake: "fake", tie: [] })) {
      this.#find(id).addEventListener("click", (event) => this.#press(choice, event));
    }
    this.#find("done").addEventListener("click", (event) => {
      const isSecondOfTwo = event.detail > 1; // a double click would answer the next grid too
      if (!isSecondOfTwo) this.#press(this.stage.marked, event);
    });
  }

  /** Arrange the screen for a block's images; the first size stays for the session. */
  fit(block) {
    this.#layout = layoutOf(block);
    this.document.title = this.#find("title").textContent = words.title(block);
    this.#offer(block);
    const count = Math.max(1, ...block.screens.map(({ images }) => images.length));
    this.#lay(gridOf(count));
    this.stage.arrange({ layout: this.#layout, count, image_px: block.image_px });
    const key = `uncanny-multiple-${this.code}`;
    const compute = () => fittingMultiple({ ...block, room_px: this.#roomPx() });
    this.#multiple ??= onceASession(this.session, key, compute);
    this.#image_px = block.image_px * this.#multiple;
    const { body } = this.document;
    body.classList.toggle("is-shrunk", this.#multiple < 1);
    body.style.setProperty("--picture", `${this.#image_px}px`);
  }

  /** What is recorded of the screen. */
  screen() {
    return {
      pixel_ratio: this.window.devicePixelRatio,
      width_px: this.window.innerWidth,
      height_px: this.window.innerHeight,
      image_width_css_px: this.#image_px,
      multiple: this.#multiple,
      pointer: this.#isTouch() ? "coarse" : "fine",
    };
  }

  /** Show pictures, or with none the bare ground; see Stage.draw. */
  draw(pictures, part) {
    this.#find("digit").textContent = "";
    this.stage.draw(pictures, part);
  }

  count(digit) {
    this.draw([]);
    this.#say("");
    this.#find("digit").textContent = digit;
  }

  /** The bare ground, with a word that an image is about to come. */
  look() {
    this.draw([]);
    this.#say(words.LOOK);
  }

  ask(block) {
    this.#say(words.question(block));
    if (this.#layout === "select") this.stage.focus(0);
  }

  /** @param {{words: string, isRight: boolean, truths: string[]}} verdict */
  tell({ words: told, isRight, truths }) {
    this.#say(told, isRight ? "✓" : "✗");
    this.stage.tell(truths);
  }

  hush() {
    this.#say("");
  }

  showLoading() {
    this.draw([]);
    this.#say(words.LOADING);
  }

  /** @returns {Promise<{choice: string|number[], at_ms: number}>} the next from now on */
  nextAnswer() {
    if (this.#isOver) return NEVER;
    return new Promise((resolve) => {
      this.#takeAnswer = resolve;
    });
  }

  /** Let the observer look at what was told until they go on. */
  async goOn() {
    const done = this.#find("done");
    done.textContent = words.GO_ON;
    done.focus({ preventScroll: true });
    await this.nextAnswer();
    done.textContent = words.DONE;
  }

  /** Progress, in screens that count; a practice only says how many are to come. */
  progress(block, done, left) {
    const text = words.progress(block, done, left);
    const bar = this.#find("progress");
    bar.setAttribute("aria-valuenow", done);
    bar.setAttribute("aria-valuemax", block.total);
    bar.setAttribute("aria-valuetext", text);
    bar.style.setProperty("--done", done / block.total);
    this.#find("count").textContent = text;
  }

  /**
   * Cover the trial with words.
   * @param {import("./cards.js").Card} card
   * @returns {Promise} resolves when its button is pressed
   */
  showCard({ title, lines, button, link }) {
    if (this.#isOver) return NEVER;
    this.#takeAnswer = null;
    this.document.body.classList.add("has-card");
    this.#find("card-title").textContent = title;
    this.#find("card-lines").replaceChildren(...lines.map((line) => this.#paragraph(line)));
    this.#fillLink(link);
    return this.#offerButton(button);
  }

  hideCard() {
    if (this.#isOver) return;
    this.document.body.classList.remove("has-card");
    this.#say("");
    this.#find("trial").focus({ preventScroll: true });
  }

  /** Resolves when nothing lies over the trial. */
  async uncovered() {
    const leaving = this.#find("leaving");
    if (!leaving.open) return;
    await new Promise((resolve) => {
      leaving.addEventListener("close", resolve, { once: true });
    });
  }

  /** Say quietly that answers are kept but not sent; null when they are sent again. */
  notice(reason) {
    this.#find("notice").textContent = words.NOTICES[reason] ?? "";
  }

  /** Stop here: nothing can be sent any more. */
  problem(error) {
    console.error(error);
    this.#stop(problemCard(error, `/s/${this.code}/`));
  }

  /** Stop here: the observer goes on in another tab. */
  moved() {
    this.#stop(MOVED);
  }

  #stop(card) {
    this.showCard(card);
    this.#isOver = true;
  }

  #find(id) {
    return this.document.getElementById(id);
  }

  #say(text, mark = "") {
    for (const [id, said] of [["words", text], ["mark", mark]]) {
      const place = this.#find(id);
      if (place.textContent !== said) place.textContent = said; // the same again is not read aloud
    }
  }

  #paragraph(line) {
    const paragraph = this.document.createElement("p");
    paragraph.textContent = line;
    return paragraph;
  }

  #fillLink(link) {
    const anchor = this.#find("card-link");
    anchor.hidden = !link;
    anchor.textContent = link?.text ?? "";
    anchor.href = link?.href ?? "";
  }

  #offerButton(text) {
    const button = this.#find("card-button");
    button.hidden = !text;
    button.textContent = text ?? "";
    if (text) button.focus();
    return new Promise((resolve) => {
      button.onclick = resolve;
    });
  }

  /** Show the buttons that answer a block's screens, and no others. */
  #offer({ allow_ties, class_names }) {
    this.document.body.dataset.layout = this.#layout;
    const isSingle = this.#layout === "single";
    this.#find("real").hidden = this.#find("fake").hidden = !isSingle;
    this.#find("tie").hidden = !(allow_ties && this.#layout === "pair");
    this.#find("done").hidden = this.#layout !== "select";
    this.names.offer(this.#layout === "name" ? class_names : []);
  }

  /** Tell the style sheet the grid; how a pair stands is for the sheet itself to say. */
  #lay({ columns, rows }) {
    const [x_px, y_px] = FRAMES_PX[this.#layout];
    const { style } = this.document.body;
    style.setProperty("--frame-x", `${x_px}px`);
    style.setProperty("--frame-y", `${y_px}px`);
    if (this.#layout !== "select") return;
    style.setProperty("--columns", columns);
    style.setProperty("--rows", rows);
  }

  #grid() {
    const style = this.window.getComputedStyle(this.document.body);
    const number = (name) => Number(style.getPropertyValue(name));
    return { columns: number("--columns"), rows: number("--rows") };
  }

  #keyDown(event) {
    if (event.repeat && event.target.tagName === "BUTTON") event.preventDefault();
    const isNamed = this.#layout === "name";
    const choice = isNamed ? this.names.answerOf(event) : answerOf(this.#layout, event);
    const isOffered = choice?.length !== 0 || !this.#find("tie").hidden;
    const isTaken = choice && isOffered ? this.#press(choice, event) : this.#move(event);
    if (isTaken) event.preventDefault();
  }

  /** Move the focus by an arrow key; whether it was one. */
  #move(event) {
    if (this.#layout !== "select" || !this.#isOpen()) return false;
    const { count, focused } = this.stage;
    const isDone = this.document.activeElement === this.#find("done");
    const from = isDone ? count : Math.max(0, focused);
    const to = placeAfter(event, from, { count, columns: this.#grid().columns });
    if (to === null) return false;
    if (to === count) this.#find("done").focus();
    else this.stage.focus(to);
    return true;
  }

  #pressImage(place, event) {
    if (this.#layout === "pair") this.#press([place], event);
    else if (this.#isOpen()) this.stage.toggle(place);
  }

  #press(choice, { timeStamp }) {
    if (!this.#isOpen()) return false;
    const take = this.#takeAnswer;
    this.#takeAnswer = null;
    take({ choice, at_ms: timeStamp });
    return true;
  }

  #isOpen() {
    return Boolean(this.#takeAnswer) && !this.#find("leaving").open;
  }

  #isTouch() {
    return this.window.matchMedia("(pointer: coarse)").matches;
  }

  #roomPx() {
    const grid = this.#grid();
    const { clientWidth, clientHeight } = this.#find("stage");
    return roomPx({
      stage_px: [clientWidth, clientHeight],
      window_px: [this.window.innerWidth, this.window.innerHeight],
      frame_px: FRAMES_PX[this.#layout],
      grid,
      turned_rows: this.#layout === "pair" ? 1 : grid.rows,
      isTouch: this.#isTouch(),
    });
  }
}

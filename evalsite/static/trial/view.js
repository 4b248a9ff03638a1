/** The trial screen: everything that touches the page, and nothing that decides. */

import { NOTICES, problemCard } from "./cards.js";
import { fittingMultiple, onceASession, roomPx } from "./display.js";
import { answerOf } from "./keys.js";

export class View {
  #multiple = null; // set by the first block
  #takeAnswer = null; // set while a question is open

  /** @param {{document: Document, window: Window, session: Storage, code: string}} parts */
  constructor({ document, window, session, code }) {
    Object.assign(this, { document, window, session, code });
    this.canvas = this.#find("picture");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    document.addEventListener("keydown", (event) => this.#keyDown(event));
    for (const answer of ["real", "fake"]) {
      this.#find(answer).addEventListener("click", (event) => this.#press(answer, event));
    }
  }

  /** Size the picture for a study's images; the first size stays for the session. */
  fit({ image_px, multiple }) {
    const key = `uncanny-multiple-${this.code}`;
    const compute = () => fittingMultiple({ image_px, multiple, room_px: this.#roomPx() });
    this.#multiple ??= onceASession(this.session, key, compute);
    if (this.canvas.width !== image_px) this.canvas.width = this.canvas.height = image_px;
    this.document.body.style.setProperty("--picture", `${image_px * this.#multiple}px`);
  }

  /** What is recorded of the screen. */
  screen() {
    return {
      pixel_ratio: this.window.devicePixelRatio,
      width_px: this.window.innerWidth,
      height_px: this.window.innerHeight,
      image_width_css_px: this.canvas.width * this.#multiple,
      pointer: this.#isTouch() ? "coarse" : "fine",
    };
  }

  /** @param {import("./masks.js").Picture|null} picture null for the bare ground */
  draw(picture) {
    this.#find("digit").textContent = "";
    if (!picture) return this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const { data, width, height } = picture;
    return this.context.putImageData(new this.window.ImageData(data, width, height), 0, 0);
  }

  count(digit) {
    this.draw(null);
    this.#say("");
    this.#find("digit").textContent = digit;
  }

  ask(question) {
    this.#say(question);
  }

  tell(isRight, truth) {
    this.#say(`${isRight ? "Right" : "Wrong"}: it was ${truth}.`, isRight ? "✓" : "✗");
  }

  hush() {
    this.#say("");
  }

  showLoading() {
    this.draw(null);
    this.#say("Loading the image…");
  }

  /** @returns {Promise<{answer: "real"|"fake", at_ms: number}>} the next press from now on */
  nextAnswer() {
    return new Promise((resolve) => {
      this.#takeAnswer = resolve;
    });
  }

  /** Progress, in questions that count; a practice only says how many are to come. */
  progress({ kind, total }, done, left) {
    const isPractice = kind === "practice";
    const words = isPractice ? `Practice: ${left} to go` : `${done} of ${total}`;
    const bar = this.#find("progress");
    bar.setAttribute("aria-valuenow", done);
    bar.setAttribute("aria-valuemax", total);
    bar.setAttribute("aria-valuetext", words);
    bar.style.setProperty("--done", done / total);
    this.#find("count").textContent = words;
  }

  /**
   * Cover the trial with words.
   * @param {{title: string, lines: string[], button?: string, link?: {text, href}}} card
   * @returns {Promise} resolves when its button is pressed
   */
  showCard({ title, lines, button, link }) {
    this.#takeAnswer = null;
    this.document.body.classList.add("has-card");
    this.#find("card-title").textContent = title;
    this.#find("card-lines").replaceChildren(...lines.map((line) => this.#paragraph(line)));
    this.#fillLink(link);
    return this.#offerButton(button);
  }

  hideCard() {
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
    this.#find("notice").textContent = NOTICES[reason] ?? "";
  }

  /** Stop here: nothing can be sent any more. */
  problem(error) {
    console.error(error);
    this.showCard(problemCard(error, `/s/${this.code}/`));
  }

  #find(id) {
    return this.document.getElementById(id);
  }

  #say(words, mark = "") {
    this.#find("words").textContent = words;
    this.#find("mark").textContent = mark;
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

  #offerButton(words) {
    const button = this.#find("card-button");
    button.hidden = !words;
    button.textContent = words ?? "";
    if (words) button.focus();
    return new Promise((resolve) => {
      button.onclick = resolve;
    });
  }

  #keyDown(event) {
    if (event.repeat && event.target.tagName === "BUTTON") event.preventDefault();
    const answer = answerOf(event);
    if (answer && this.#press(answer, event)) event.preventDefault();
  }

  #press(answer, { timeStamp }) {
    const take = this.#takeAnswer;
    if (!take || this.#find("leaving").open) return false;
    this.#takeAnswer = null;
    take({ answer, at_ms: timeStamp });
    return true;
  }

  #isTouch() {
    return this.window.matchMedia("(pointer: coarse)").matches;
  }

  #roomPx() {
    const stage = this.#find("stage");
    return roomPx({
      stage_width_px: stage.clientWidth,
      stage_height_px: stage.clientHeight,
      width_px: this.window.innerWidth,
      height_px: this.window.innerHeight,
      isTouch: this.#isTouch(),
    });
  }
}

/** The samples on the page: chosen by press or key, and carried into slots by mouse or finger. */

import { carry } from "./carry.js";

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export class Samples {
  #chosen = new Map();

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.root
   * @param {string[]} parts.classes names of the classes, none if there are none
   * @param {(slot: string, samples: [number, number][]) => void} parts.put hears what goes into a slot
   * @param {(count: number) => void} parts.changed hears how many are chosen
   */
  constructor({ root, classes, put, changed }) {
    Object.assign(this, { root, classes, put, changed });
    root.addEventListener("keydown", (event) => this.#pressed(event));
    root.addEventListener("click", ({ target }) => this.#toggle(target.closest("button")));
    carry(root, ".sample", (button, slot) => put(slot, this.#with(button)));
  }

  /** Those that are chosen; from now on none is. */
  take() {
    const taken = [...this.#chosen.values()];
    this.#chosen.clear();
    for (const button of this.root.children) button.setAttribute("aria-pressed", "false");
    this.changed(0);
    return taken;
  }

  nameOf([, number]) {
    const name = this.classes.length ? `, ${this.classes[number % this.classes.length]}` : "";
    return `Sample ${number + 1}${name}`;
  }

  /** Show these in place of those before; what was chosen stays so. */
  show(addresses, images) {
    this.root.replaceChildren(...addresses.map((each, place) => this.#button(each, images[place])));
    this.root.firstElementChild.tabIndex = 0;
  }

  imageOf(address) {
    return this.root.querySelector(`[data-sample="${address}"] img`)?.src;
  }

  #button(address, image) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sample";
    button.dataset.sample = address;
    button.tabIndex = -1;
    button.title = this.nameOf(address);
    button.setAttribute("aria-pressed", this.#chosen.has(String(address)));
    button.append(Object.assign(new Image(), { src: image, alt: this.nameOf(address), className: "pixels", draggable: false }));
    return button;
  }

  #toggle(button) {
    if (!button) return;
    const key = button.dataset.sample;
    if (!this.#chosen.delete(key)) this.#chosen.set(key, addressOf(button));
    button.setAttribute("aria-pressed", this.#chosen.has(key));
    this.#focus(button);
    this.changed(this.#chosen.size);
  }

  /** What is carried: all that are chosen if the carried one is among them, else it alone. */
  #with(button) {
    return this.#chosen.has(button.dataset.sample) ? this.take() : [addressOf(button)];
  }

  #pressed(event) {
    const button = event.target.closest("button");
    if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
    const slot = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    const step = MOVES[event.key] ?? { ArrowUp: -this.#columns(), ArrowDown: this.#columns() }[event.key];
    if (!slot && step === undefined) return;
    event.preventDefault();
    if (slot) this.put(slot.dataset.slot, this.#with(button));
    else this.#move(button, step);
  }

  #move(button, step) {
    const all = [...this.root.children];
    const place = Math.min(Math.max(all.indexOf(button) + step, 0), all.length - 1);
    this.#focus(all[place]);
    all[place].focus();
  }

  /** One sample alone is reached by Tab: the others by arrows. */
  #focus(button) {
    for (const each of this.root.children) each.tabIndex = each === button ? 0 : -1;
  }

  #columns() {
    const tops = [...this.root.children].map((each) => each.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }
}

function addressOf(button) {
  return button.dataset.sample.split(",").map(Number);
}

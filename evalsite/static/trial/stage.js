/** The images on the screen: one to be judged alone, two to compare, or a grid to choose from. */

import { IMAGE, THIS_ONE, TRUTHS, imageName } from "./words.js";

const PRESSED = "aria-pressed";

export class Stage {
  #slots = []; // {slot, canvas, context}

  /**
   * @param {object} parts
   * @param {Document} parts.document
   * @param {HTMLElement} parts.root
   * @param {(place: number, event: Event) => void} parts.pressed hears which image was pressed
   */
  constructor({ document, root, pressed }) {
    Object.assign(this, { document, root, pressed });
  }

  /** Make room for `count` images of `image_px`. */
  arrange({ layout, count, image_px }) {
    for (const { slot } of this.#slots) slot.remove();
    this.#slots = Array.from({ length: count }, (_, place) => this.#slot(layout, place, image_px));
    this.root.append(...this.#slots.map(({ slot }) => slot));
  }

  /**
   * Show pictures in their places, all in one frame, and nothing in the others.
   * @param {ImageBitmap[]} pictures
   * @param {number} part which square of a picture that is a strip of several, from its top
   */
  draw(pictures, part = 0) {
    for (const [place, { slot, canvas, context }] of this.#slots.entries()) {
      const side = canvas.width;
      context.clearRect(0, 0, side, side);
      if (pictures[place]) {
        context.drawImage(pictures[place], 0, part * side, side, side, 0, 0, side, side);
      }
      clear(slot);
    }
  }

  /** Say of every image what it is, and of those to be marked whether that was seen. */
  tell(truths) {
    for (const [place, truth] of truths.entries()) {
      const { slot } = this.#slots[place];
      const isSeen = isMarked({ slot }) === (truth === "fake");
      const sign = slot.hasAttribute(PRESSED) ? `${isSeen ? "✓" : "✗"} ` : "";
      slot.dataset.truth = truth;
      slot.querySelector(".truth").textContent = sign + TRUTHS[truth];
    }
  }

  /** Mark an image, or take its mark away; once it is told what it is, no more. */
  toggle(place) {
    const { slot } = this.#slots[place];
    if (!slot.dataset.truth) slot.setAttribute(PRESSED, !isMarked({ slot }));
  }

  /** The places of the images that are marked. */
  get marked() {
    return [...this.#slots.keys()].filter((place) => isMarked(this.#slots[place]));
  }

  get count() {
    return this.#slots.length;
  }

  /** The place that has the focus, or -1. */
  get focused() {
    return this.#slots.findIndex(({ slot }) => slot === this.document.activeElement);
  }

  focus(place) {
    this.#slots[place].slot.focus({ preventScroll: true });
  }

  #slot(layout, place, image_px) {
    const isAlone = layout === "single" || layout === "name";
    const canvas = this.#element("canvas", {
      width: image_px,
      height: image_px,
      role: "img",
      "aria-label": isAlone ? IMAGE : imageName(place + 1),
    });
    const slot = this.#element(isAlone ? "div" : "button", { class: "slot" });
    slot.append(canvas, this.#element("span", { class: "truth" }));
    if (layout === "pair") slot.append(this.#label(place));
    if (layout === "select") this.#makeToggle(slot);
    if (!isAlone) slot.type = "button";
    if (!isAlone) slot.addEventListener("click", (event) => this.pressed(place, event));
    return { slot, canvas, context: canvas.getContext("2d") };
  }

  /** What stands under an image of a pair, with the key that chooses it. */
  #label(place) {
    const key = this.#element("kbd", { "aria-hidden": "true" });
    key.textContent = "←→"[place];
    const label = this.#element("span", { class: "label" });
    label.append(...(place ? [THIS_ONE, key] : [key, THIS_ONE]));
    return label;
  }

  #makeToggle(slot) {
    slot.setAttribute(PRESSED, "false");
    slot.append(this.#element("span", { class: "tick", "aria-hidden": "true" }));
  }

  #element(tag, attributes) {
    const element = this.document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }
}

function isMarked({ slot }) {
  return slot.getAttribute(PRESSED) === "true";
}

function clear(slot) {
  if (slot.hasAttribute(PRESSED)) slot.setAttribute(PRESSED, "false");
  delete slot.dataset.truth;
  slot.querySelector(".truth").textContent = "";
}

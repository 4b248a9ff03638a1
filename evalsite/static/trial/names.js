/** What an image may be called: a button for each name, and one for none of them. */

import { NONE, keysOf, nameOf } from "./keys.js";
import { NONE_OF_THEM } from "./words.js";

export class Names {
  #keys = [];

  /**
   * @param {object} parts
   * @param {Document} parts.document
   * @param {HTMLElement} parts.root
   * @param {(choice: string, event: Event) => void} parts.pressed hears a name's number, or "none"
   */
  constructor({ document, root, pressed }) {
    Object.assign(this, { document, root, pressed });
  }

  /** Put up the buttons of these names; without names there are none. */
  offer(names) {
    this.#keys = keysOf(names);
    const said = [...names, NONE_OF_THEM];
    const buttons = said.map((name, place) => this.#button(name, place, place === names.length));
    this.root.replaceChildren(...(names.length ? buttons : []));
    this.root.hidden = !names.length;
  }

  /** The name that a key stands for, or null. */
  answerOf(event) {
    return nameOf(this.#keys, event);
  }

  #button(name, place, isNone) {
    const button = this.document.createElement("button");
    const key = this.#keys[place];
    button.type = "button";
    button.dir = "auto";
    button.setAttribute("aria-keyshortcuts", key.toUpperCase());
    if (name.toLowerCase() !== key) button.append(this.#kbd(key));
    button.append(name);
    button.addEventListener("click", (event) => this.pressed(isNone ? NONE : `${place}`, event));
    return button;
  }

  #kbd(key) {
    const kbd = this.document.createElement("kbd");
    kbd.setAttribute("aria-hidden", "true");
    kbd.textContent = key.toUpperCase();
    return kbd;
  }
}

/** Whether the observer looked elsewhere while a trial ran. */

export class Attention {
  #isLost = false;

  /** @param {{document: Document, window: Window}} where */
  constructor({ document, window }) {
    this.document = document;
    window.addEventListener("blur", () => this.lose());
    document.addEventListener("visibilitychange", () => this.lose());
  }

  lose() {
    this.#isLost = true;
  }

  /** A trial begins. */
  begin() {
    this.#isLost = this.document.hidden;
  }

  get wasLost() {
    return this.#isLost;
  }
}

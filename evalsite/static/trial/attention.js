/** Whether the observer, or the machine, was elsewhere while a trial ran. */

const ASLEEP_MS = 3000; // without a beat: a lid was closed, or the page hung

export class Attention {
  #isLost = false;
  #beat_ms;

  /** @param {{document: Document, window: Window, now: () => number}} where `now` in ms */
  constructor({ document, window, now }) {
    Object.assign(this, { document, now });
    this.#beat_ms = now();
    for (const leaving of ["blur", "pagehide"]) {
      window.addEventListener(leaving, () => this.lose());
    }
    for (const leaving of ["visibilitychange", "freeze"]) {
      document.addEventListener(leaving, () => this.lose());
    }
  }

  lose() {
    this.#isLost = true;
  }

  /** To be called every second or so: a sleeping machine calls nothing. */
  beat() {
    if (this.now() - this.#beat_ms > ASLEEP_MS) this.lose();
    this.#beat_ms = this.now();
  }

  /** A trial begins. */
  begin() {
    this.#beat_ms = this.now();
    this.#isLost = this.document.hidden;
  }

  get wasLost() {
    this.beat(); // an answer may come before the first beat after a sleep
    return this.#isLost;
  }
}

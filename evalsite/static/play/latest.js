/** Sends one request at a time, not too often, and of what was asked meanwhile only the newest. */

export class Latest {
  #next = null;
  #isBusy = false;

  /**
   * @param {object} parts
   * @param {(asked: any) => Promise} parts.send
   * @param {(ms: number) => Promise} parts.pause
   * @param {number} parts.pauseMs between two requests at least
   */
  constructor({ send, pause, pauseMs }) {
    Object.assign(this, { send, pause, pauseMs });
  }

  /** Send this as soon as it may be, unless something newer is asked before. */
  ask(asked) {
    this.#next = { asked };
    if (!this.#isBusy) this.#work();
  }

  async #work() {
    this.#isBusy = true;
    try {
      while (this.#next) {
        const { asked } = this.#next;
        this.#next = null;
        await Promise.all([this.send(asked), this.pause(this.pauseMs)]);
      }
    } finally {
      this.#isBusy = false;
    }
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Images are loaded and decoded before their turn, so that no trial waits for the network. */

const AHEAD = 10;
const BEHIND = 5; // the last trials of a block need sources for their masks too
const RETRY_AFTER_MS = [500, 1500];

export class Images {
  #loads = new Map(); // code -> promise of a decoded picture
  #ready = new Map(); // code -> picture

  /**
   * @param {{load: (code: string) => Promise, pause: (ms: number) => Promise}} parts
   *   `load` resolves with the decoded picture of a trial
   */
  constructor({ load, pause }) {
    this.load = load;
    this.pause = pause;
  }

  /** Load what the trials from `position` on will show, and forget what is long past. */
  prefetch(codes, position = 0) {
    const near = codes.slice(Math.max(0, position - BEHIND), position + AHEAD + 1);
    for (const code of this.#loads.keys()) {
      if (!near.includes(code)) this.#forget(code);
    }
    for (const code of near.slice(Math.min(position, BEHIND))) {
      this.get(code).catch(() => {}); // asked for again when its trial comes
    }
  }

  isReady(code) {
    return this.#ready.has(code);
  }

  /** Every picture at hand. */
  ready() {
    return [...this.#ready.values()];
  }

  /** @returns {Promise} the picture; rejected after 3 attempts, and may then be asked again */
  get(code) {
    if (!this.#loads.has(code)) this.#loads.set(code, this.#fetch(code));
    return this.#loads.get(code);
  }

  async #fetch(code) {
    try {
      const picture = await this.#attempt(code);
      if (this.#loads.has(code)) this.#ready.set(code, picture);
      return picture;
    } catch (error) {
      this.#forget(code);
      throw error;
    }
  }

  async #attempt(code) {
    for (const pause_ms of RETRY_AFTER_MS) {
      try {
        return await this.load(code);
      } catch {
        await this.pause(pause_ms);
      }
    }
    return this.load(code);
  }

  #forget(code) {
    this.#loads.delete(code);
    this.#ready.delete(code);
  }
}

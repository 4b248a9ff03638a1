/** Images are loaded and decoded before their turn, so that no trial waits for the network. */

const AHEAD = 12; // images; and always those of the next screen
const RETRY_AFTER_MS = [500, 1500];

export class Images {
  #loads = new Map(); // address -> promise of a decoded picture

  /**
   * @param {object} parts
   * @param {(address: string) => Promise<ImageBitmap>} parts.load fetches and decodes
   * @param {(ms: number) => Promise} parts.pause
   */
  constructor({ load, pause }) {
    this.load = load;
    this.pause = pause;
    this.ready = new Set(); // addresses
  }

  /**
   * Load what the screens from `position` on will show, and forget what is past.
   * @param {string[][]} screens the addresses of each
   */
  prefetch(screens, position = 0) {
    const near = nearest(screens.slice(position));
    for (const address of this.#loads.keys()) {
      if (!near.includes(address)) this.#forget(address);
    }
    for (const address of near) {
      this.#get(address).catch(() => {}); // asked for again when its screen comes
    }
  }

  areReady(addresses) {
    return addresses.every((address) => this.ready.has(address));
  }

  /** @returns {Promise<ImageBitmap[]>} rejected after 3 attempts; what failed may be asked again */
  get(addresses) {
    return Promise.all(addresses.map((address) => this.#get(address)));
  }

  #get(address) {
    if (!this.#loads.has(address)) this.#loads.set(address, this.#fetch(address));
    return this.#loads.get(address);
  }

  async #fetch(address) {
    try {
      const picture = await this.#attempt(address);
      if (this.#loads.has(address)) this.ready.add(address);
      return picture;
    } catch (error) {
      this.#forget(address);
      throw error;
    }
  }

  async #attempt(address) {
    for (const pause_ms of RETRY_AFTER_MS) {
      try {
        return await this.load(address);
      } catch {
        await this.pause(pause_ms);
      }
    }
    return this.load(address);
  }

  #forget(address) {
    this.#loads.delete(address);
    this.ready.delete(address);
  }
}

/** The addresses of the first two screens, and of more until there are enough. */
function nearest(screens) {
  const found = [];
  for (const [ahead, addresses] of screens.entries()) {
    if (ahead > 1 && found.length > AHEAD) break;
    found.push(...addresses);
  }
  return found;
}

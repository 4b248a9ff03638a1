/** Where small texts are kept: the browser's storage, or memory where it has none. */

/** As much of the Storage interface as is needed here; forgets with the page. */
export class MemoryStorage {
  #texts = new Map();

  getItem(key) {
    return this.#texts.get(key) ?? null;
  }

  setItem(key, text) {
    this.#texts.set(key, text);
  }
}

/** @param {() => Storage} open may throw, as browsers do that keep nothing */
export function storageOrMemory(open) {
  try {
    return open() ?? new MemoryStorage();
  } catch {
    return new MemoryStorage();
  }
}

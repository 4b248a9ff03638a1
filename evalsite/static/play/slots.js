/** Which samples lie in which slot, and the points among the codes that they stand for. */

export const MOST_IN_A_SLOT = 16;

const same = (one, other) => one[0] === other[0] && one[1] === other[1];

export class Slots {
  #held = new Map(); // name -> samples, each [seed, number]

  /** @returns {[number, number][]} */
  in(name) {
    return this.#held.get(name) ?? [];
  }

  /**
   * Add samples to a slot, each once.
   * @returns {[number, number][]} those beyond the limit, which are left out
   */
  put(name, samples) {
    const held = [...this.in(name)];
    for (const sample of samples) {
      if (!held.some((other) => same(sample, other))) held.push(sample);
    }
    this.#held.set(name, held.slice(0, MOST_IN_A_SLOT));
    return held.slice(MOST_IN_A_SLOT);
  }

  isFull(name) {
    return this.in(name).length >= MOST_IN_A_SLOT;
  }

  remove(name, sample) {
    this.#held.set(
      name,
      this.in(name).filter((other) => !same(sample, other)),
    );
  }

  /** What the server is asked to draw, or null while there is nothing to begin with. */
  point([start, minus, plus], strength = 1) {
    if (!this.in(start).length) return null;
    return { start: this.in(start), minus: this.in(minus), plus: this.in(plus), strength };
  }
}

/** So many strengths, evenly from `low` to `high`. */
export function strengths(low, high, count) {
  return Array.from({ length: count }, (_, place) => low + ((high - low) * place) / (count - 1));
}

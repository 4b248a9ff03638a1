/** Walks to and fro through so many frames, one every `frameMs`. */

export class Player {
  #timer = null;
  #step = 1;

  /**
   * @param {object} parts
   * @param {number} parts.frameMs
   * @param {(place: number) => void} parts.show
   * @param {(isPlaying: boolean) => void} parts.told hears of every start and stop
   * @param {{setInterval: Function, clearInterval: Function}} parts.clock
   */
  constructor({ frameMs, show, told, clock = globalThis }) {
    Object.assign(this, { frameMs, show, told, clock });
    this.place = 0;
    this.count = 0;
  }

  get isPlaying() {
    return this.#timer !== null;
  }

  /** Begin anew with so many frames, at the first. */
  load(count) {
    this.count = count;
    this.goTo(0);
  }

  goTo(place) {
    this.place = place;
    this.show(place);
  }

  play() {
    if (this.isPlaying || this.count < 2) return;
    this.#timer = this.clock.setInterval(() => this.#advance(), this.frameMs);
    this.told(true);
  }

  stop() {
    if (!this.isPlaying) return;
    this.clock.clearInterval(this.#timer);
    this.#timer = null;
    this.told(false);
  }

  #advance() {
    if (this.place + this.#step < 0 || this.place + this.#step >= this.count) this.#step *= -1;
    this.goTo(this.place + this.#step);
  }
}

/** A pen that keys move over a square of `side` pixels, within it; it starts in the middle, lifted. */

const STEP = 1;
const LONG_STEP = 4;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyedPen {
  isDown = false;

  constructor(side) {
    this.side = side;
    this.point = [side / 2, side / 2];
  }

  lift() {
    this.isDown = false;
  }

  /** Obey a key: "begun" if the pen was set down, "drawn" if it moved so, "moved" or "lifted" if not; null if the key is for others. */
  press({ key, shiftKey = false }) {
    if (key === " ") {
      this.isDown = !this.isDown;
      return this.isDown ? "begun" : "lifted";
    }
    const way = WAYS[key];
    if (!way) return null;
    const step = shiftKey ? LONG_STEP : STEP;
    this.point = this.point.map((at, axis) => Math.min(this.side, Math.max(0, at + way[axis] * step)));
    return this.isDown ? "drawn" : "moved";
  }
}

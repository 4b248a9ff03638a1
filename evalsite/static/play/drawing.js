/** A drawing as strokes over a picture to begin with, every step of which can be taken back. */

const EMPTY = { base: null, strokes: [] };

export class Drawing {
  #past = [];
  #now = EMPTY;

  get canUndo() {
    return this.#past.length > 0;
  }

  get isEmpty() {
    return !this.#now.base && !this.#now.strokes.length;
  }

  /** Set the pen down: `width` and the point [x, y] are in pixels of the network's image. */
  begin(width, point) {
    this.#become({ ...this.#now, strokes: [...this.#now.strokes, { width, points: [point] }] });
  }

  /** Draw the last stroke on. */
  extend(point) {
    this.#now.strokes.at(-1).points.push(point);
  }

  /** Begin with a picture. */
  startFrom(base) {
    this.#become({ base, strokes: [] });
  }

  clear() {
    if (!this.isEmpty) this.#become(EMPTY);
  }

  undo() {
    this.#now = this.#past.pop() ?? this.#now;
  }

  #become(next) {
    this.#past.push(this.#now);
    this.#now = next;
  }

  /** White lines on black, `scale` pixels of the canvas for one of the network's image. */
  paint(context, scale, side) {
    context.fillStyle = "#000";
    context.fillRect(0, 0, side * scale, side * scale);
    context.imageSmoothingEnabled = false;
    if (this.#now.base) context.drawImage(this.#now.base, 0, 0, side * scale, side * scale);
    Object.assign(context, { strokeStyle: "#fff", lineCap: "round", lineJoin: "round" });
    for (const { width, points } of this.#now.strokes) {
      const [first, ...rest] = points;
      context.lineWidth = width * scale;
      context.beginPath();
      context.moveTo(first[0] * scale, first[1] * scale);
      for (const [x, y] of rest.length ? rest : [first]) context.lineTo(x * scale, y * scale);
      context.stroke();
    }
  }
}

/** Which key means which answer, and where an arrow leads in a grid. */

/** Left is real and right is fake in every language: keys and screens have sides, not words. */
const ANSWERS = {
  single: { arrowleft: "real", r: "real", arrowright: "fake", f: "fake" },
  pair: { arrowleft: [0], arrowright: [1], arrowdown: [], t: [] },
  select: {},
};

/**
 * @param {"single"|"pair"|"select"} layout
 * @param {KeyboardEvent} event
 * @returns {"real"|"fake"|number[]|null} null for other keys, shortcuts, and a key that is held
 *   down; in a pair the place that is chosen, and none for "I cannot tell"
 */
export function answerOf(layout, event) {
  if (event.repeat || isShortcut(event)) return null;
  return ANSWERS[layout][event.key.toLowerCase()] ?? null;
}

function isShortcut({ ctrlKey, metaKey, altKey }) {
  return Boolean(ctrlKey || metaKey || altKey);
}

const STEPS = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
};

/**
 * Where a key leads from a place in a grid of `count`.
 * @param {KeyboardEvent} event
 * @param {number} place from 0; `count` itself stands for what is below the grid
 * @returns {number|null} null for other keys; the same place where the grid ends
 */
export function placeAfter(event, place, { count, columns }) {
  const step = STEPS[event.key]?.(columns);
  if (step === undefined || isShortcut(event)) return null;
  if (place === count) return step < 0 ? count - 1 : count;
  const next = place + step;
  if (next < 0) return place;
  return Math.min(next, count);
}

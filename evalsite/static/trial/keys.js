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

export const NONE = "none";

const NONE_KEY = "x";
const MOST_DIGITS = 10;
const LETTERS = "abcdefghijklmnopqrst";
const KEY = /^[a-z0-9]$/i;

/**
 * The keys of names, and at the end that of none of them.
 * @param {string[]} names if each is one letter or digit it is its own key, else its place is
 */
export function keysOf(names) {
  const own = names.map((name) => name.toLowerCase());
  const isKey = (name) => KEY.test(name) && name !== NONE_KEY;
  const byPlace = names.map((_, place) => (names.length > MOST_DIGITS ? LETTERS[place] : `${place}`));
  const isFit = own.every(isKey) && new Set(own).size === own.length;
  return [...(isFit ? own : byPlace), NONE_KEY];
}

/**
 * Which name a key stands for; a keyboard of other letters has the same places.
 * @param {string[]} keys as `keysOf` gives them
 * @returns {string|null} the number of the name, or "none"; null for other keys, as in `answerOf`
 */
export function nameOf(keys, event) {
  if (event.repeat || isShortcut(event)) return null;
  const { key, code = "" } = event;
  const pressed = KEY.test(key) ? key : code.replace(/^(Digit|Numpad|Key)/, "");
  const place = keys.indexOf(pressed.toLowerCase());
  if (place < 0) return null;
  return place === keys.length - 1 ? NONE : `${place}`;
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

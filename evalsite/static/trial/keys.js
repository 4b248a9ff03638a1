/** Which key means which answer. */

const ANSWERS = { arrowleft: "real", r: "real", arrowright: "fake", f: "fake" };

/** @returns {"real"|"fake"|null} null for other keys, shortcuts, and a key that is held down */
export function answerOf({ key, repeat, ctrlKey, metaKey, altKey }) {
  if (repeat || ctrlKey || metaKey || altKey) return null;
  return ANSWERS[key.toLowerCase()] ?? null;
}

/** The cards between trials: which one is due, and what it says. */

import { isTimed } from "./protocols.js";
import * as words from "./words.js";

/**
 * @typedef {{title: string, lines: string[], button?: string, link?: {text, href}}} Card
 */

/** @type {Card} */
export const SENDING = { title: words.SENDING, lines: [] };

/** @type {Card} */
export const IMAGE_FAILED = {
  title: words.IMAGE_FAILED.title,
  lines: [words.IMAGE_FAILED.kept],
  button: words.IMAGE_FAILED.button,
};

/** @type {Card} */
export const MOVED = {
  title: words.MOVED.title,
  lines: [words.MOVED.kept],
  link: { text: words.PROBLEM.again, href: "" },
};

/**
 * The card to show before a block's screens, or null to go straight on.
 * @param {object} block as the server gives it
 * @param {object|null} before the block before it in this visit
 * @param {number} done how many of the screens that count are answered
 * @returns {Card|null}
 */
export function cardFor(block, before, done) {
  if (before?.block === block.block) return null;
  const explained = { title: words.title(block), lines: words.explanation(block) };
  if (block.kind === "practice") return { ...explained, button: words.START_PRACTICE };
  const left = words.left(block.total - done, block.protocol);
  if (before?.kind === "practice") return afterPractice(block, left);
  if (before) return { title: words.BREAK, lines: [left, words.REST], button: words.GO_ON };
  if (!done) return { ...explained, button: words.START };
  return isTimed(block) ? { title: words.WELCOME_BACK, lines: [left], button: words.START } : null;
}

function afterPractice(block, left) {
  const lines = [words.NOW_IT_COUNTS, left];
  if (!block.feedback) lines.push(words.NO_FEEDBACK);
  return { title: words.PRACTICE_OVER, lines, button: words.START };
}

/**
 * The card for an error after which nothing can be sent.
 * @param {Error & {status?: number}} error
 * @param {string} studyPath where the study begins
 * @returns {Card}
 */
export function problemCard({ status }, studyPath) {
  const { unknown, reason, kept, first, stale, wrong, later, again } = words.PROBLEM;
  if (status === 404) {
    return { title: unknown, lines: [reason, kept], link: { text: first, href: studyPath } };
  }
  return { title: status === 403 ? stale : wrong, lines: [later], link: { text: again, href: "" } };
}

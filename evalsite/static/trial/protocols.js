/** What differs between the protocols: time, layout, what an answer is, what is told of it. */

import { TOLD, toldCount } from "./words.js";

/** Whether images are shown for a set time, and judged when they are gone. */
export function isTimed({ protocol }) {
  return protocol === "flash" || protocol === "limited";
}

const LAYOUTS = ["pair", "select", "name"];

/** @returns {"single"|"pair"|"select"|"name"} how a screen's images stand, and how they are judged */
export function layoutOf({ protocol }) {
  return LAYOUTS.includes(protocol) ? protocol : "single";
}

/** The addresses of all that a screen shows. */
export function addressesOf(block, screen) {
  const images = screen.images.map((code) => `/i/${code}.png`);
  return block.masks ? [...images, `/m/${screen.code}.png`] : images;
}

/**
 * What is sent as the answer to a screen.
 * @param {string|number[]} choice of one image: "real", "fake", a class's number or "none"; or the
 *   places of those chosen among many
 */
export function answerTo(screen, choice) {
  if (typeof choice === "string") return { trial: screen.code, answer: choice };
  return { trial: screen.code, chosen: choice.map((place) => screen.images[place]) };
}

/**
 * What an observer is told of an answer, or null for nothing.
 * @param {object} kept the answer that was sent
 * @param {{feedback: object, answers: object}} heard from the server: whether the answer was right,
 *   and in select what each image is
 * @returns {{words: string, isRight: boolean, truths: ("real"|"fake")[]}|null} `truths` of every
 *   image on a screen with more than one
 */
export function verdictOn(block, screen, kept, { feedback, answers }) {
  const isRight = feedback[kept.trial] ?? null;
  if (isRight === null) return null;
  const layout = layoutOf(block);
  if (layout === "single") return ofOne(kept.answer, isRight);
  if (layout === "name") return { words: TOLD.name[Number(isRight)], isRight, truths: [] };
  return layout === "pair"
    ? ofPair(screen.images, kept.chosen, isRight)
    : ofMany(screen.images, kept.chosen, isRight, answers);
}

function ofOne(answer, isRight) {
  const truth = isRight === (answer === "real") ? "real" : "fake";
  return { words: TOLD[truth][Number(isRight)], isRight, truths: [] };
}

function ofPair(images, chosen, isRight) {
  if (!chosen.length) return null; // "I cannot tell" is neither right nor wrong
  const truths = images.map((code) => (chosen.includes(code) === isRight ? "real" : "fake"));
  return { words: TOLD.pair[Number(isRight)], isRight, truths };
}

function ofMany(images, chosen, isRight, answers) {
  const truths = images.map((code) => answers[code]);
  const right = images.filter((code) => chosen.includes(code) === (answers[code] === "fake"));
  return { words: toldCount(right.length, images.length), isRight, truths };
}

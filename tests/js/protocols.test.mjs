import assert from "node:assert/strict";
import test from "node:test";

import {
  addressesOf,
  answerTo,
  isTimed,
  layoutOf,
  verdictOn,
} from "../../evalsite/static/trial/protocols.js";

const PROTOCOLS = ["unlimited", "limited", "flash", "pair", "select", "name"];
const single = { protocol: "unlimited" };
const pair = { protocol: "pair" };
const select = { protocol: "select" };
const one = { code: "a", images: ["a"] };
const two = { code: "a", images: ["a", "b"] };
const four = { code: "a", images: ["a", "b", "c", "d"] };

test("limited and flash are timed, and pairs, grids and names have a layout of their own", () => {
  const facts = PROTOCOLS.map((protocol) => [isTimed({ protocol }), layoutOf({ protocol })]);
  assert.deepEqual(facts, [
    [false, "single"],
    [true, "single"],
    [true, "single"],
    [false, "pair"],
    [false, "select"],
    [false, "name"],
  ]);
});

test("a flash's masks are one picture more; nothing else has any", () => {
  assert.deepEqual(addressesOf({ masks: 4 }, one), ["/i/a.png", "/m/a.png"]);
  assert.deepEqual(addressesOf({ masks: 0 }, two), ["/i/a.png", "/i/b.png"]);
});

test("an answer names the trial, and among many the images that were chosen", () => {
  assert.deepEqual(answerTo(one, "fake"), { trial: "a", answer: "fake" });
  assert.deepEqual(answerTo(two, [1]), { trial: "a", chosen: ["b"] });
  assert.deepEqual(answerTo(two, []), { trial: "a", chosen: [] });
  assert.deepEqual(answerTo(four, [0, 3]), { trial: "a", chosen: ["a", "d"] });
});

function verdict(block, screen, choice, isRight, answers = {}) {
  return verdictOn(block, screen, answerTo(screen, choice), { feedback: { a: isRight }, answers });
}

test("nothing is told where the server tells nothing", () => {
  assert.equal(verdict(single, one, "real", undefined), null);
  assert.equal(verdict(pair, two, [0], null), null);
});

test("of one image the truth is told, right or wrong", () => {
  const told = (answer, isRight) => verdict(single, one, answer, isRight).words;
  assert.equal(told("real", true), "Right: it was real.");
  assert.equal(told("real", false), "Wrong: it was fake.");
  assert.equal(told("fake", true), "Right: it was fake.");
  assert.equal(told("fake", false), "Wrong: it was real.");
});

test("of a name it is told whether it was right, and not what would have been", () => {
  const told = (isRight) => verdict({ protocol: "name" }, one, "3", isRight);
  assert.deepEqual(told(true), { words: "Right.", isRight: true, truths: [] });
  assert.deepEqual(told(false), { words: "Wrong.", isRight: false, truths: [] });
});

test("of a pair both truths are told, whichever was chosen", () => {
  assert.deepEqual(verdict(pair, two, [1], true).truths, ["fake", "real"]);
  assert.deepEqual(verdict(pair, two, [1], false).truths, ["real", "fake"]);
  assert.equal(verdict(pair, two, [0], false).words, "Wrong: the other one is real.");
});

test("not being able to tell is neither right nor wrong", () => {
  assert.equal(verdict(pair, two, [], false), null);
});

test("of a grid every truth is told, and how many were judged rightly", () => {
  const answers = { a: "fake", b: "real", c: "fake", d: "real" };
  assert.deepEqual(verdict(select, four, [0, 1], false, answers), {
    words: "2 of 4 right.",
    isRight: false,
    truths: ["fake", "real", "fake", "real"],
  });
  assert.equal(verdict(select, four, [0, 2], true, answers).words, "Right, every one of them.");
});

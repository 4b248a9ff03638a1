import assert from "node:assert/strict";
import test from "node:test";

import { Attention } from "../../evalsite/static/trial/attention.js";
import { cardFor, problemCard } from "../../evalsite/static/trial/cards.js";
import { fittingMultiple, onceASession, roomPx } from "../../evalsite/static/trial/display.js";
import { answerOf } from "../../evalsite/static/trial/keys.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";

test("arrows and letters answer, real on the left and fake on the right", () => {
  for (const key of ["ArrowLeft", "r", "R"]) assert.equal(answerOf({ key }), "real");
  for (const key of ["ArrowRight", "f", "F"]) assert.equal(answerOf({ key }), "fake");
  assert.equal(answerOf({ key: "x" }), null);
});

test("a key that is held down answers once", () => {
  assert.equal(answerOf({ key: "f", repeat: true }), null);
});

test("the browser's shortcuts answer nothing", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
    assert.equal(answerOf({ key: "r", [modifier]: true }), null);
  }
});

test("an image has the study's multiple, or the largest whole one that fits", () => {
  const multiple = (room_px) => fittingMultiple({ image_px: 28, multiple: 10, room_px });
  assert.deepEqual([1000, 280, 279, 60, 5].map(multiple), [10, 10, 9, 2, 1]);
});

test("an image fits a phone whichever way it is turned", () => {
  const phone = { stage_width_px: 336, stage_height_px: 500, width_px: 360, height_px: 740 };
  assert.equal(roomPx({ ...phone, isTouch: true }), 296);
  const turned = { stage_width_px: 352, stage_height_px: 300, width_px: 740, height_px: 360 };
  assert.equal(roomPx({ ...turned, isTouch: true }), 296);
  assert.equal(roomPx({ ...phone, isTouch: false }), 336);
});

test("the multiple is chosen once a session", () => {
  const storage = new MemoryStorage();
  assert.equal(onceASession(storage, "multiple", () => 9), 9);
  assert.equal(onceASession(storage, "multiple", () => 10), 9);
});

test("attention is lost by leaving the window or the tab, and begins anew with each trial", () => {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden: false });
  const attention = new Attention({ document, window });
  attention.begin();
  assert.equal(attention.wasLost, false);
  window.dispatchEvent(new Event("blur"));
  assert.equal(attention.wasLost, true);
  attention.begin();
  assert.equal(attention.wasLost, false);
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(attention.wasLost, true);
  document.hidden = true;
  attention.begin();
  assert.equal(attention.wasLost, true);
});

const main = { block: 1, kind: "main", protocol: "unlimited", feedback: false, total: 60 };
const practice = { ...main, block: 0, kind: "practice", feedback: true };

test("the card after the practice says what counts from now on", () => {
  assert.deepEqual(cardFor(main, practice, 0), {
    title: "Practice is over.",
    lines: ["Now it counts: 60 images, no feedback."],
    button: "Start",
  });
  const flash = { ...main, protocol: "flash", feedback: true };
  assert.deepEqual(cardFor(flash, practice, 0).lines, ["Now it counts: 60 images."]);
});

test("whoever comes back goes straight on, or starts a flash when ready", () => {
  assert.equal(cardFor(main, null, 12), null);
  const flash = cardFor({ ...main, protocol: "flash" }, null, 59);
  assert.deepEqual(flash, { title: "Welcome back.", lines: ["1 image left."], button: "Start" });
});

test("a study without practice explains itself all the same, and a block only once", () => {
  assert.equal(cardFor(practice, null, 0).lines.length, 2);
  assert.equal(cardFor(main, null, 0).lines.length, 2);
  assert.equal(cardFor(main, main, 3), null);
});

test("every problem says what is kept and where to go", () => {
  for (const [status, href] of [[404, "/s/abc/"], [403, ""], [400, ""], [undefined, ""]]) {
    const { lines, link } = problemCard({ status }, "/s/abc/");
    assert.match(lines.join(" "), /answers are kept/);
    assert.equal(link.href, href);
  }
});

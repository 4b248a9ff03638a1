import assert from "node:assert/strict";
import test from "node:test";

import { Attention } from "../../evalsite/static/trial/attention.js";
import { cardFor, problemCard } from "../../evalsite/static/trial/cards.js";
import {
  FRAMES_PX,
  fittingMultiple,
  gridOf,
  onceASession,
  roomPx,
} from "../../evalsite/static/trial/display.js";
import { answerOf, keysOf, nameOf, placeAfter } from "../../evalsite/static/trial/keys.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";
import * as words from "../../evalsite/static/trial/words.js";

test("arrows and letters answer, real on the left and fake on the right", () => {
  for (const key of ["ArrowLeft", "r", "R"]) assert.equal(answerOf("single", { key }), "real");
  for (const key of ["ArrowRight", "f", "F"]) assert.equal(answerOf("single", { key }), "fake");
  for (const key of ["x", "ArrowDown", "t"]) assert.equal(answerOf("single", { key }), null);
});

test("in a pair an arrow chooses its side, and down or T chooses neither", () => {
  const chosen = (key) => answerOf("pair", { key });
  assert.deepEqual(["ArrowLeft", "ArrowRight"].map(chosen), [[0], [1]]);
  assert.deepEqual(["ArrowDown", "t", "T"].map(chosen), [[], [], []]);
  assert.deepEqual(["r", "f"].map(chosen), [null, null]);
});

test("names have digits up to ten and letters up to twenty, and none of them has X", () => {
  const words = (count) => Array.from({ length: count }, (_, place) => `name ${place}`);
  assert.equal(keysOf(words(10)).join(""), "0123456789x");
  assert.equal(keysOf(words(20)).join(""), "abcdefghijklmnopqrstx");
});

test("names of one letter or digit are their own keys, unless two are alike or one is X", () => {
  assert.deepEqual(keysOf(["3", "7"]), ["3", "7", "x"]);
  assert.deepEqual(keysOf(["B", "A"]), ["b", "a", "x"]);
  for (const names of [["x", "y"], ["a", "A"], ["3", "dog"], ["é", "e"]]) {
    assert.deepEqual(keysOf(names), ["0", "1", "x"]);
  }
});

test("a key names its class by number, on any keyboard, and X none of them", () => {
  const keys = keysOf(["cat", "dog", "owl"]);
  assert.deepEqual(["0", "2", "x", "X"].map((key) => nameOf(keys, { key })), ["0", "2", "none", "none"]);
  assert.equal(nameOf(keys, { key: "1", code: "Numpad1" }), "1");
  assert.equal(nameOf(keys, { key: "é", code: "Digit2" }), "2"); // AZERTY without shift
  assert.equal(nameOf(keys, { key: "ء", code: "KeyX" }), "none");
  assert.equal(nameOf(["q", "a", "x"], { key: "a", code: "KeyQ" }), "1"); // what is printed on it
  for (const key of ["3", "r", "Enter", " ", "ArrowLeft"]) assert.equal(nameOf(keys, { key }), null);
  assert.equal(nameOf(keys, { key: "1", repeat: true }), null);
  assert.equal(nameOf(keys, { key: "1", ctrlKey: true }), null);
});

test("in a grid no key answers: arrows move", () => {
  for (const key of ["ArrowLeft", "r", " "]) assert.equal(answerOf("select", { key }), null);
  const from = (place, key) => placeAfter({ key }, place, { count: 9, columns: 3 });
  assert.deepEqual(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => from(4, key)), [
    3, 5, 1, 7,
  ]);
  assert.equal(from(4, "x"), null);
});

test("arrows do not leave the grid but below, to what ends it, and from there back", () => {
  const from = (place, key) => placeAfter({ key }, place, { count: 8, columns: 3 });
  assert.deepEqual([from(0, "ArrowLeft"), from(1, "ArrowUp")], [0, 1]);
  assert.deepEqual([from(7, "ArrowRight"), from(5, "ArrowDown"), from(6, "ArrowDown")], [8, 8, 8]);
  assert.deepEqual([from(8, "ArrowUp"), from(8, "ArrowLeft")], [7, 7]);
  assert.deepEqual([from(8, "ArrowDown"), from(8, "ArrowRight")], [8, 8]);
});

test("a key that is held down answers once", () => {
  assert.equal(answerOf("single", { key: "f", repeat: true }), null);
});

test("the browser's shortcuts answer nothing and move nothing", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
    assert.equal(answerOf("single", { key: "r", [modifier]: true }), null);
    const back = { key: "ArrowLeft", [modifier]: true };
    assert.equal(placeAfter(back, 4, { count: 9, columns: 3 }), null);
  }
});

test("an image has the study's multiple, or the largest whole one that fits", () => {
  const multiple = (room_px) => fittingMultiple({ image_px: 28, multiple: 10, room_px });
  assert.deepEqual([1000, 280, 279, 60, 44].map(multiple), [10, 10, 9, 2, 1]);
});

test("an image too large for its place is divided by a whole number", () => {
  const multiple = (room_px) => fittingMultiple({ image_px: 256, multiple: 1, room_px });
  assert.deepEqual([256, 255, 128, 127].map(multiple), [1, 1 / 2, 1 / 2, 1 / 3]);
});

test("an image is never too small to be hit, however little room there is", () => {
  for (const room_px of [40, 1, 0, -300]) {
    assert.equal(fittingMultiple({ image_px: 28, multiple: 10, room_px }), 1);
    assert.equal(fittingMultiple({ image_px: 88, multiple: 10, room_px }), 1 / 2);
  }
});

test("a grid is as square as can be, and has a place for every image", () => {
  const grids = [1, 4, 6, 9, 12, 16].map((count) => Object.values(gridOf(count)).join("×"));
  assert.deepEqual(grids, ["1×1", "2×2", "3×2", "3×3", "4×3", "4×4"]);
  for (let count = 1; count <= 16; count += 1) {
    const { columns, rows } = gridOf(count);
    assert.ok(columns * rows >= count && columns * (rows - 1) < count);
  }
});

const alone = { frame_px: FRAMES_PX.single, grid: { columns: 1, rows: 1 }, turned_rows: 1 };

test("an image fits a phone whichever way it is turned", () => {
  const phone = { ...alone, stage_px: [336, 500], window_px: [360, 740] };
  assert.equal(roomPx({ ...phone, isTouch: true }), 296);
  const turned = { ...alone, stage_px: [352, 300], window_px: [740, 360] };
  assert.equal(roomPx({ ...turned, isTouch: true }), 296);
  assert.equal(roomPx({ ...phone, isTouch: false }), 336);
});

test("images share the room with one another and with their frames", () => {
  const desk = { stage_px: [900, 620], window_px: [1440, 900], isTouch: false };
  const beside = { frame_px: [16, 64], grid: { columns: 2, rows: 1 }, turned_rows: 1 };
  assert.equal(roomPx({ ...desk, ...beside }), 900 / 2 - 16);
  const nine = { frame_px: [12, 12], grid: { columns: 3, rows: 3 }, turned_rows: 3 };
  assert.equal(roomPx({ ...desk, ...nine }), 620 / 3 - 12);
});

test("a pair above one another on a phone still fits when it is turned", () => {
  const upright = { stage_px: [336, 560], window_px: [360, 740], isTouch: true };
  const stacked = { frame_px: [16, 64], grid: { columns: 1, rows: 2 }, turned_rows: 1 };
  assert.equal(roomPx({ ...upright, ...stacked }), 560 / 2 - 64);
  const tall = { ...upright, stage_px: [336, 900] };
  assert.equal(roomPx({ ...tall, ...stacked }), 360 - 64 - 64);
});

test("the multiple is chosen once a session", () => {
  const storage = new MemoryStorage();
  assert.equal(onceASession(storage, "multiple", () => 0.5), 0.5);
  assert.equal(onceASession(storage, "multiple", () => 10), 0.5);
});

function watching() {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden: false });
  const clock = { now_ms: 1000 };
  const attention = new Attention({ document, window, now: () => clock.now_ms });
  attention.begin();
  return { window, document, clock, attention };
}

test("attention is lost by leaving the window or the tab, and begins anew with each trial", () => {
  const { window, document, attention } = watching();
  assert.equal(attention.wasLost, false);
  const leavings = [[window, "blur"], [window, "pagehide"], [document, "visibilitychange"]];
  for (const [target, event] of [...leavings, [document, "freeze"]]) {
    target.dispatchEvent(new Event(event));
    assert.equal(attention.wasLost, true, event);
    attention.begin();
    assert.equal(attention.wasLost, false);
  }
  document.hidden = true;
  attention.begin();
  assert.equal(attention.wasLost, true);
});

test("a machine that slept during a trial has lost attention, one that counts on has not", () => {
  const { clock, attention } = watching();
  for (let second = 0; second < 60; second += 1) {
    clock.now_ms += 1000;
    attention.beat();
  }
  assert.equal(attention.wasLost, false);
  clock.now_ms += 3600_000;
  attention.beat();
  assert.equal(attention.wasLost, true);
});

test("a sleep is noticed even if the answer comes before the next beat", () => {
  const { clock, attention } = watching();
  clock.now_ms += 5000;
  assert.equal(attention.wasLost, true);
});

test("a sleep between trials is no matter", () => {
  const { clock, attention } = watching();
  clock.now_ms += 3600_000;
  attention.begin();
  assert.equal(attention.wasLost, false);
});

const about = { protocol: "unlimited", against: "real", allow_ties: false };
const main = { ...about, block: 1, kind: "main", feedback: false, total: 60 };
const practice = { ...main, block: 0, kind: "practice", feedback: true };

test("the card after the practice says what counts from now on", () => {
  assert.deepEqual(cardFor(main, practice, 0), {
    title: "Practice is over.",
    lines: [
      "From now on your answers count.",
      "60 images left.",
      "You will not be told whether you were right.",
    ],
    button: "Start",
  });
  const flash = { ...main, protocol: "flash", feedback: true };
  assert.deepEqual(cardFor(flash, practice, 0).lines, [
    "From now on your answers count.",
    "60 images left.",
  ]);
});

test("whoever comes back goes straight on, or starts what is timed when ready", () => {
  for (const protocol of ["unlimited", "pair", "select", "name"]) {
    assert.equal(cardFor({ ...main, protocol }, null, 12), null);
  }
  for (const protocol of ["limited", "flash"]) {
    const card = cardFor({ ...main, protocol }, null, 59);
    assert.deepEqual(card, { title: "Welcome back.", lines: ["1 image left."], button: "Start" });
  }
});

test("between two blocks there is a break, in every protocol, with what is left", () => {
  const images = ["unlimited", "limited", "flash", "name"].map((each) => [each, "30 images left."]);
  const others = [["pair", "30 pairs left."], ["select", "30 screens left."]];
  for (const [protocol, line] of [...images, ...others]) {
    const { title, lines, button } = cardFor({ ...main, block: 2, protocol }, main, 30);
    assert.equal(title, "Time for a short break.");
    assert.deepEqual(lines, [line, "Rest your eyes: look at something far away for a moment."]);
    assert.equal(button, "Go on");
  }
});

test("a study without practice explains itself all the same, and a block only once", () => {
  for (const protocol of ["unlimited", "limited", "flash", "pair", "select", "name"]) {
    const block = { ...main, protocol };
    assert.ok(cardFor(block, null, 0).lines.length >= 2, protocol);
    const first = cardFor({ ...block, kind: "practice" }, null, 0);
    assert.deepEqual(first.lines, cardFor(block, null, 0).lines);
  }
  assert.equal(cardFor(main, main, 3), null);
});

test("that one may be unable to tell is said where it is an answer", () => {
  const pair = { protocol: "pair", against: "real" };
  const lines = (allow_ties) => words.explanation({ ...pair, allow_ties });
  assert.deepEqual(lines(true).slice(0, -1), lines(false));
  assert.equal(lines(true).at(-1), "If you cannot tell, say so.");
});

test("each protocol asks its own question", () => {
  const asked = (protocol, against) => words.question({ protocol, against });
  assert.equal(asked("unlimited"), "Is this image real?");
  assert.equal(asked("limited"), "Was it real?");
  assert.equal(asked("flash"), "Was it real?");
  assert.equal(asked("pair", "real"), "Which one is real?");
  assert.equal(asked("pair", "generators"), "Which looks more real?");
  assert.equal(asked("name"), "What is it?");
  assert.equal(asked("select"), "Click every image that was made by a computer.");
});

test("words come from Django's catalogue where it has them", async () => {
  globalThis.django = {
    gettext: (text) => (text === "%(done)s of %(total)s" ? "%(done)s sur %(total)s" : text),
    ngettext: (one, many, count) => `${count < 2 ? one : many} (fr)`,
  };
  const translated = await import("../../evalsite/static/trial/words.js?translated");
  delete globalThis.django;
  assert.equal(translated.progress({ kind: "main", total: 60 }, 3), "3 sur 60");
  assert.equal(translated.left(0, "pair"), "0 pair left. (fr)");
});

test("every problem says what is kept and where to go", () => {
  for (const [status, href] of [[404, "/s/abc/"], [403, ""], [400, ""], [undefined, ""]]) {
    const { lines, link } = problemCard({ status }, "/s/abc/");
    assert.match(lines.join(" "), /answers are kept/);
    assert.equal(link.href, href);
  }
});

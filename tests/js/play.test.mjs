import assert from "node:assert/strict";
import test from "node:test";

import { Drawing } from "../../evalsite/static/play/drawing.js";
import { KeyedPen } from "../../evalsite/static/play/keyed_pen.js";
import { Latest } from "../../evalsite/static/play/latest.js";
import { Player } from "../../evalsite/static/play/player.js";
import { Failure, post } from "../../evalsite/static/play/server.js";
import { MOST_IN_A_SLOT, Slots, strengths } from "../../evalsite/static/play/slots.js";
import { settle } from "./fakes.mjs";

const ONE = [0, 1];
const TWO = [0, 2];

/* Slots */

test("a slot holds each sample once, and so many at most", () => {
  const slots = new Slots();
  slots.put("a", [ONE, TWO, [0, 1]]);
  assert.deepEqual(slots.in("a"), [ONE, TWO]);
  assert.equal(slots.isFull("a"), false);
  const left = slots.put("a", [TWO, ...Array.from({ length: 15 }, (_, number) => [1, number])]);
  assert.deepEqual(left, [[1, 14]]);
  assert.equal(slots.in("a").length, MOST_IN_A_SLOT);
  assert.equal(slots.isFull("a"), true);
  slots.remove("a", [0, 1]);
  assert.deepEqual(slots.in("a")[0], TWO);
  assert.deepEqual(slots.in("b"), []);
});

test("slots stand for a point once there is something to begin with", () => {
  const slots = new Slots();
  slots.put("b", [ONE]);
  assert.equal(slots.point(["a", "b", "c"]), null);
  slots.put("a", [TWO]);
  assert.deepEqual(slots.point(["a", "b", "c"], 0.5), { start: [TWO], minus: [ONE], plus: [], strength: 0.5 });
  assert.deepEqual(slots.point(["a"]), { start: [TWO], minus: [], plus: [], strength: 1 });
});

test("strengths are even and reach both ends", () => {
  assert.deepEqual(strengths(-3, 3, 5), [-3, -1.5, 0, 1.5, 3]);
});

/* Newest wins */

function slowServer() {
  const sent = [];
  const waiting = [];
  const send = (asked) => {
    sent.push(asked);
    return new Promise((resolve) => waiting.push(resolve));
  };
  return { sent, send, answer: async () => (waiting.shift()(), await settle()) };
}

test("of what is asked while the server is busy only the newest is sent", async () => {
  const { sent, send, answer } = slowServer();
  const latest = new Latest({ send, pause: async () => {}, pauseMs: 200 });
  for (const asked of [1, 2, 3]) latest.ask(asked);
  assert.deepEqual(sent, [1]);
  await answer();
  assert.deepEqual(sent, [1, 3]);
  await answer();
  assert.deepEqual(sent, [1, 3]);
  latest.ask(4);
  assert.deepEqual(sent, [1, 3, 4]);
});

test("a quick server is not asked before the pause is over", async () => {
  const pauses = [];
  const sent = [];
  const pause = (ms) => new Promise((resolve) => pauses.push([ms, resolve]));
  const latest = new Latest({ send: async (asked) => sent.push(asked), pause, pauseMs: 200 });
  latest.ask(1);
  latest.ask(2);
  await settle();
  assert.deepEqual(sent, [1]);
  const [ms, over] = pauses.shift();
  assert.equal(ms, 200);
  over();
  await settle();
  assert.deepEqual(sent, [1, 2]);
});

/* Frames */

function fakeClock() {
  const clock = { running: new Set(), setInterval: (tick) => (clock.running.add(tick), tick), clearInterval: (tick) => clock.running.delete(tick) };
  clock.tick = (times) => {
    for (let each = 0; each < times; each += 1) for (const tick of clock.running) tick();
  };
  return clock;
}

test("frames are played to and fro until they are stopped", () => {
  const clock = fakeClock();
  const shown = [];
  const told = [];
  const player = new Player({ frameMs: 90, show: (place) => shown.push(place), told: (is) => told.push(is), clock });
  player.load(3);
  player.play();
  player.play();
  clock.tick(6);
  assert.deepEqual(shown, [0, 1, 2, 1, 0, 1, 2]);
  player.stop();
  clock.tick(3);
  player.stop();
  assert.equal(shown.length, 7);
  assert.deepEqual(told, [true, false]);
  assert.equal(player.isPlaying, false);
});

test("from where the slider was put frames go on", () => {
  const clock = fakeClock();
  const shown = [];
  const player = new Player({ frameMs: 90, show: (place) => shown.push(place), told: () => {}, clock });
  player.play();
  assert.equal(player.isPlaying, false);
  player.load(5);
  player.goTo(3);
  player.play();
  clock.tick(2);
  assert.deepEqual(shown, [0, 3, 4, 3]);
});

/* Drawing */

/** Says what was done with it. */
function fakeContext() {
  const done = [];
  const note = (name) => (...given) => done.push([name, ...given]);
  const verbs = ["fillRect", "drawImage", "beginPath", "moveTo", "lineTo", "stroke"];
  return Object.assign(Object.fromEntries(verbs.map((verb) => [verb, note(verb)])), { done });
}

function painted(drawing) {
  const context = fakeContext();
  drawing.paint(context, 10, 8);
  return { ...context, done: context.done.filter(([verb]) => verb !== "fillRect" && verb !== "beginPath") };
}

test("strokes are white, in the width of the pen, scaled to the canvas", () => {
  const drawing = new Drawing();
  drawing.begin(1.5, [1, 2]);
  drawing.extend([3, 4]);
  const { done, lineWidth, strokeStyle, fillStyle } = painted(drawing);
  assert.deepEqual(done, [["moveTo", 10, 20], ["lineTo", 30, 40], ["stroke"]]);
  assert.deepEqual([lineWidth, strokeStyle, fillStyle], [15, "#fff", "#000"]);
});

test("a dot is a stroke that goes nowhere", () => {
  const drawing = new Drawing();
  drawing.begin(1, [1, 2]);
  assert.deepEqual(painted(drawing).done, [["moveTo", 10, 20], ["lineTo", 10, 20], ["stroke"]]);
});

test("a picture to begin with is drawn without smoothing, under the strokes", () => {
  const drawing = new Drawing();
  drawing.startFrom("lines");
  drawing.begin(1, [0, 0]);
  const context = painted(drawing);
  assert.deepEqual(context.done[0], ["drawImage", "lines", 0, 0, 80, 80]);
  assert.equal(context.imageSmoothingEnabled, false);
});

test("every step can be taken back, clearing too, and no more than there were", () => {
  const drawing = new Drawing();
  assert.equal(drawing.canUndo, false);
  drawing.clear();
  assert.equal(drawing.canUndo, false);
  drawing.begin(1, [0, 0]);
  drawing.startFrom("lines");
  drawing.clear();
  assert.equal(drawing.isEmpty, true);
  drawing.undo();
  assert.deepEqual(painted(drawing).done, [["drawImage", "lines", 0, 0, 80, 80]]);
  drawing.undo();
  assert.deepEqual(painted(drawing).done, [["moveTo", 0, 0], ["lineTo", 0, 0], ["stroke"]]);
  drawing.undo();
  drawing.undo();
  assert.equal(drawing.isEmpty, true);
  assert.equal(drawing.canUndo, false);
});

/* The server */

const reply = (status, body, type = "application/json") => async () =>
  new Response(body, { status, headers: { "Content-Type": type } });

test("the answer is read and the page's token sent", async () => {
  let asked;
  const fetch = async (address, options) => {
    asked = { address, ...options };
    return reply(200, '{"images": []}')();
  };
  assert.deepEqual(await post("/draw/", "{}", { token: "abc", fetch }), { images: [] });
  assert.deepEqual(asked, { address: "/draw/", method: "POST", headers: { "X-CSRFToken": "abc" }, body: "{}" });
});

test("a busy server is asked again after the pause that it names, and not for ever", async () => {
  const busy = () =>
    new Response('{"error": "busy"}', { status: 503, headers: { "Content-Type": "application/json", "Retry-After": "2" } });
  const replies = [busy(), busy(), await reply(200, '{"images": []}')()];
  const pauses = [];
  const pause = async (ms) => pauses.push(ms);
  assert.deepEqual(await post("/draw/", "{}", { token: "", fetch: async () => replies.shift(), pause }), { images: [] });
  assert.deepEqual(pauses, [2000, 2000]);
  await assert.rejects(post("/draw/", "{}", { token: "", fetch: async () => busy(), pause }), /^Error: busy$/);
  assert.equal(pauses.length, 5);
});

test("what is wrong is said in words: the server's own, or that it is out of order or away", async () => {
  const failing = (fetch) =>
    post("/draw/", "{}", { token: "", fetch }).then(assert.fail, (error) => {
      assert.ok(error instanceof Failure);
      return error.message;
    });
  assert.equal(await failing(reply(400, '{"error": "too many"}')), "too many");
  assert.match(await failing(reply(403, "<h1>", "text/html")), /answered 403. Reload/);
  assert.match(await failing(reply(404, "<h1>", "text/html")), /was deleted while this page was open/);
  assert.match(await failing(async () => Promise.reject(new TypeError("fetch failed"))), /cannot be reached/);
});

/* The pen of the keys */

test("keys move a pen within the sheet, and draw while it is down", () => {
  const pen = new KeyedPen(28);
  assert.equal(pen.press({ key: "ArrowLeft" }), "moved");
  assert.deepEqual(pen.point, [13, 14]);
  assert.equal(pen.press({ key: " " }), "begun");
  assert.equal(pen.press({ key: "ArrowDown", shiftKey: true }), "drawn");
  assert.deepEqual(pen.point, [13, 18]);
  for (let step = 0; step < 9; step++) pen.press({ key: "ArrowDown", shiftKey: true });
  assert.deepEqual(pen.point, [13, 28]);
  assert.equal(pen.press({ key: " " }), "lifted");
  assert.equal(pen.press({ key: "ArrowUp" }), "moved");
  assert.equal(pen.press({ key: "Tab" }), null);
});

test("a stroke of keys is one step, whose points stay where they were", () => {
  const pen = new KeyedPen(4);
  pen.press({ key: " " });
  const before = pen.point;
  pen.press({ key: "ArrowRight" });
  assert.deepEqual(before, [2, 2]);
});

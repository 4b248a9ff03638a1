import assert from "node:assert/strict";
import test from "node:test";

import { isExposureOff, measureFrameMs, play } from "../../evalsite/static/trial/exposure.js";
import { frames } from "./fakes.mjs";

const near = (got, wanted) => assert.ok(Math.abs(got - wanted) < 0.01, `${got} is not ${wanted}`);

async function shown(hz, ms, drops) {
  const steps = [{ ms, draw() {} }, { ms: 0, draw() {} }];
  return (await play(frames(hz, drops), 1000 / hz, steps))[0];
}

test("an exposure lasts the whole number of frames nearest to what was asked", async () => {
  const at60 = [[60, 500, 30], [60, 30, 2], [60, 510, 31]];
  const faster = [[144, 500, 72], [144, 30, 4], [240, 100, 24]];
  for (const [hz, ms, count] of [...at60, ...faster]) {
    const step = await shown(hz, ms);
    assert.equal(step.frames_shown, count, `${ms} ms at ${hz} Hz`);
    assert.equal(step.frames_dropped, 0);
    near(step.shown_ms, (count * 1000) / hz);
    assert.equal(isExposureOff(ms, step.shown_ms, 1000 / hz), false);
  }
});

test("dropped frames in the middle do not lengthen an exposure", async () => {
  const step = await shown(60, 500, [5, 6, 17]);
  near(step.shown_ms, 500);
  assert.deepEqual([step.frames_shown, step.frames_dropped], [27, 3]);
  assert.equal(isExposureOff(500, step.shown_ms, 1000 / 60), false);
});

test("a frame dropped at the end lengthens it, and is noticed", async () => {
  const step = await shown(60, 500, [30]);
  near(step.shown_ms, 516.667);
  assert.deepEqual([step.frames_shown, step.frames_dropped], [30, 1]);
  assert.equal(isExposureOff(500, step.shown_ms, 1000 / 60), true);
});

test("more than half a frame off is noticed, too long or too short; half a frame is not", () => {
  for (const shown_ms of [483.3, 490.1, 509.9, 516.7]) {
    assert.equal(isExposureOff(500, shown_ms, 16.7), true, `${shown_ms} ms`);
  }
  for (const shown_ms of [491.7, 500, 508.3]) {
    assert.equal(isExposureOff(500, shown_ms, 16.7), false, `${shown_ms} ms`);
  }
});

test("whatever is asked for, the nearest whole number of frames is never off", async () => {
  for (const hz of [59.94, 60, 75, 90, 120, 144, 240]) {
    for (let ms = 100; ms <= 1000; ms += 10) {
      const { shown_ms } = await shown(hz, ms);
      assert.equal(isExposureOff(ms, shown_ms, 1000 / hz), false, `${ms} ms at ${hz} Hz`);
    }
  }
});

test("20 seconds are as exact as a tenth of one", async () => {
  near((await shown(60, 20_000)).shown_ms, 20_000);
});

test("steps follow one another in the same frame, and the last one stays", async () => {
  const log = [];
  const next = frames(60);
  let now_ms = null;
  const nextFrame = async () => (now_ms = await next());
  const step = (name, ms) => ({ ms, draw: () => log.push([name, Math.round(now_ms)]) });
  await play(nextFrame, 1000 / 60, [step("image", 100), step("mask", 30), step("ground", 0)]);
  assert.deepEqual(log, [["image", 0], ["mask", 100], ["ground", 133]]);
});

test("the first frame of a page at rest, whose time may lie in the past, is not the onset", async () => {
  const times_ms = [984, 1016.7, 1033.3, 1050];
  const [step] = await play(async () => times_ms.shift(), 1000 / 60, [{ ms: 30, draw() {} }]);
  assert.equal(step.onset_ms, 1016.7);
  near(step.shown_ms, 33.3);
});

test("the frame interval is the median, whatever a few slow frames do", async () => {
  near(await measureFrameMs(frames(60)), 16.667);
  near(await measureFrameMs(frames(144, [3, 4, 5, 11, 19, 20])), 6.944);
});

test("a tab hidden for seconds during an exposure is noticed", async () => {
  const away = Array.from({ length: 200 }, (_, index) => 10 + index);
  const step = await shown(60, 500, away);
  assert.equal(isExposureOff(500, step.shown_ms, 1000 / 60), true);
});

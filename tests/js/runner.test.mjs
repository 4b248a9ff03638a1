import assert from "node:assert/strict";
import test from "node:test";

import { Images } from "../../evalsite/static/trial/images.js";
import { Refusal } from "../../evalsite/static/trial/network.js";
import { run } from "../../evalsite/static/trial/runner.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";
import { FakeServer, picture, settle, stage } from "./fakes.mjs";

const unlimited = () =>
  new FakeServer([
    { kind: "practice", codes: ["p0", "p1"] },
    { kind: "main", codes: ["m0", "m1", "m2"] },
  ]);

const flash = () =>
  new FakeServer([
    { kind: "practice", protocol: "flash", codes: ["p0"] },
    { kind: "main", protocol: "flash", codes: ["a0", "a1", "a2"] },
    { kind: "main", protocol: "flash", codes: ["b0"] },
  ]);

const onlyImages = (log) => log.filter((entry) => /^[pmab]\d$/.test(entry));

test("an observer sees every image once, in order, with words where they are due", async () => {
  const parts = stage(unlimited());
  await run(parts);
  assert.deepEqual(parts.view.log, [
    "0+2", "Is this image real?",
    "0+2", "p0", "Is this image real?", "right: real",
    "0+1", "p1", "Is this image real?", "right: real",
    "0+0",
    "0+3", "Practice is over.",
    "0+3", "m0", "Is this image real?",
    "1+2", "m1", "Is this image real?",
    "2+1", "m2", "Is this image real?",
    "3+0", "Sending your answers…",
    "result",
  ]);
  assert.equal(parts.server.answers.size, 5);
  assert.equal(parts.outbox.size, 0);
});

test("a wrong answer is told as wrong, with the truth", async () => {
  const parts = stage(unlimited(), { observer: { answer: "fake" } });
  await run(parts);
  assert.equal(parts.view.log.filter((entry) => entry === "wrong: real").length, 2);
  const other = stage(unlimited(), { observer: { answer: "real" } });
  other.server.rightAnswer = "fake";
  await run(other);
  assert.equal(other.view.log.filter((entry) => entry === "wrong: fake").length, 2);
});

test("response times run from the onset of the image", async () => {
  const parts = stage(unlimited(), { observer: { rt_ms: 432.1 } });
  await run(parts);
  assert.equal(parts.server.answers.get("m2").rt_ms, 432.1);
  assert.equal(parts.server.answers.get("m2").flags, "");
});

test("a press from before the onset answers nothing", async () => {
  const parts = stage(unlimited());
  parts.view.presses = [{ answer: "fake", at_ms: -5 }];
  await run(parts);
  assert.equal(parts.server.answers.get("p0").answer, "real");
});

test("an answer too fast to be one is kept and flagged", async () => {
  const parts = stage(unlimited(), { observer: { rt_ms: 80 } });
  await run(parts);
  assert.equal(parts.server.answers.get("m0").flags, "too_fast");
});

test("lost focus is flagged", async () => {
  const parts = stage(unlimited());
  parts.attention.wasLost = true;
  await run(parts);
  assert.equal(parts.server.answers.get("m1").flags, "focus_lost");
});

test("unlimited images follow one another without the network", async () => {
  const server = new FakeServer([{ kind: "main", codes: ["m0", "m1", "m2"] }]);
  server.send = () => new Promise(() => {});
  const parts = stage(server);
  run(parts);
  await settle();
  assert.deepEqual(onlyImages(parts.view.log), ["m0", "m1", "m2"]);
  assert.equal(parts.view.log.at(-1), "Sending your answers…");
  assert.equal(parts.outbox.size, 3);
});

test("the result waits until the server has every answer", async () => {
  const server = new FakeServer([{ kind: "main", codes: ["m0"] }]);
  const { send } = server;
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  server.send = async (body) => { await gate; return send(body); };
  const parts = stage(server);
  const end = run(parts);
  await settle();
  assert.equal(parts.view.log.includes("result"), false);
  release();
  await end;
  assert.equal(parts.view.log.at(-1), "result");
});

test("feedback is held while the network is away, and comes by itself", async () => {
  const parts = stage(unlimited());
  const { block } = parts.server;
  parts.server.block = async () => {
    const reply = await block.call(parts.server);
    parts.server.failures = reply.kind === "practice" ? [0, 503] : [];
    return reply;
  };
  await run(parts);
  assert.deepEqual(parts.view.notices, ["offline", "server"]);
  assert.deepEqual(onlyImages(parts.view.log), ["p0", "p1", "m0", "m1", "m2"]);
  assert.equal(parts.view.log.filter((entry) => entry === "right: real").length, 2);
});

test("a block that cannot be fetched is asked for again", async () => {
  const parts = stage(unlimited());
  parts.server.failures = [0, 502];
  await run(parts);
  assert.deepEqual(parts.view.notices, ["offline", "server"]);
  assert.equal(parts.server.answers.size, 5);
});

test("a lost cookie ends the run and keeps the answers", async () => {
  const parts = stage(unlimited());
  parts.outbox.add({ trial: "m0", answer: "real", rt_ms: 1 });
  parts.server.failures = [404];
  await assert.rejects(run(parts), new Refusal(404));
  assert.equal(parts.outbox.size, 1);
});

test("after a reload no answered question is asked again, sent or not", async () => {
  const server = new FakeServer([{ kind: "main", codes: ["m0", "m1", "m2", "m3"] }]);
  server.answers.set("m0", { answer: "real" });
  const parts = stage(server);
  parts.outbox.add({ trial: "m1", answer: "fake", rt_ms: 1 });
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["m2", "m3"]);
  assert.deepEqual(parts.view.log.slice(0, 2), ["2+2", "2+2"]);
  assert.equal(server.answers.get("m1").answer, "fake");
});

test("after a reload in a block with feedback the waiting answer is sent first", async () => {
  const server = flash();
  server.answers.set("p0", { answer: "real" });
  const storage = new MemoryStorage();
  const parts = stage(server, { storage });
  parts.outbox.add({ trial: "a0", answer: "real", rt_ms: 1 });
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["a1", "a2", "b0"]);
  assert.ok(parts.view.log.includes("Welcome back."));
  assert.equal(server.answers.get("a1").shown_ms, 483.33);
});

test("answers left over from a finished study are forgotten", async () => {
  const parts = stage(new FakeServer([]));
  parts.outbox.add({ trial: "m0", answer: "real", rt_ms: 1 });
  await run(parts);
  assert.equal(parts.outbox.size, 0);
  assert.deepEqual(parts.view.log, ["result"]);
});

test("a flash is countdown, image, masks, bare ground, question, feedback", async () => {
  const parts = stage(flash());
  await run(parts);
  const { log } = parts.view;
  const start = log.indexOf(3);
  assert.deepEqual(log.slice(start, start + 11), [
    3, 2, 1, "p0", "mask", "mask", "mask", "mask", "ground", "Was it real?", "right: real",
  ]);
});

test("the server's staircase sets each exposure", async () => {
  const wanted = { real: [500, 483.33, 483.33], fake: [500, 533.33, 566.67] };
  for (const [answer, exposures_ms] of Object.entries(wanted)) {
    const parts = stage(flash(), { observer: { answer } });
    await run(parts);
    const shown = ["a0", "a1", "a2"].map((code) => parts.server.answers.get(code).shown_ms);
    assert.deepEqual(shown, exposures_ms);
  }
});

test("exposures come with the replies, without asking for the block again", async () => {
  const parts = stage(flash());
  let asked = 0;
  const { block } = parts.server;
  parts.server.block = () => {
    asked += 1;
    return block.call(parts.server);
  };
  await run(parts);
  assert.equal(asked, 4); // three blocks and the end
});

test("a flash's answer carries what was shown, in frames", async () => {
  const parts = stage(flash());
  await run(parts);
  const { rt_ms, ...kept } = parts.server.answers.get("a0");
  assert.ok(rt_ms > 500);
  assert.deepEqual(kept, {
    trial: "a0",
    answer: "real",
    shown_ms: 500,
    frames_shown: 30,
    frames_dropped: 0,
    refresh_hz: 60,
    flags: "",
  });
  assert.deepEqual(parts.server.requests[0].screen, { pixel_ratio: 2, refresh_hz: 60 });
});

test("a flash without any exposure is a mistake, not a question asked for ever", async () => {
  const parts = stage(flash());
  parts.server.exposures.clear();
  await assert.rejects(run(parts), /got none for trial p0/);
});

test("an exposure that misses by a frame is flagged", async () => {
  const parts = stage(flash());
  const { draw } = parts.view;
  parts.view.draw = (image) => {
    draw.call(parts.view, image);
    if (image?.code === "a1") parts.clock.now_ms += 500; // the page hangs
  };
  await run(parts);
  assert.equal(parts.server.answers.get("a1").flags, "off_by_frame");
  assert.equal(parts.server.answers.get("a0").flags, "");
});

test("blocks of flashes have a break between them", async () => {
  const parts = stage(flash());
  await run(parts);
  const { log } = parts.view;
  assert.ok(log.indexOf("Time for a short break.") > log.indexOf("a2"));
  assert.ok(log.indexOf("Time for a short break.") < log.indexOf("b0"));
});

test("a flash whose exposure is not known is asked for with its block again", async () => {
  const parts = stage(flash());
  const { send } = parts.server;
  parts.sender.send = async (body) => ({ ...(await send(body)), next_exposure_ms: {} });
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["p0", "a0", "a1", "a2", "b0"]);
});

test("an image that does not load gets a Retry, and its trial is not lost", async () => {
  const load = async (code) => {
    const isRetried = parts.view.log.includes("This image did not load.");
    if (code === "m1" && !isRetried) throw new Error("no image");
    return picture(code);
  };
  const pictures = new Images({ load, pause: async () => {} });
  const server = new FakeServer([{ kind: "main", codes: ["m0", "m1", "m2"] }]);
  const parts = stage(server, { pictures });
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["m0", "m1", "m2"]);
  assert.equal(server.answers.size, 3);
  const retries = parts.view.log.filter((entry) => entry === "This image did not load.");
  assert.equal(retries.length, 1);
});

test("the images to come are asked for at every trial", async () => {
  const parts = stage(unlimited());
  await run(parts);
  assert.deepEqual(parts.images.prefetched, ["p0", "p0", "p1", "m0", "m0", "m1", "m2"]);
});

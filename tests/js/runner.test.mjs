import assert from "node:assert/strict";
import test from "node:test";

import { Images } from "../../evalsite/static/trial/images.js";
import { Refusal } from "../../evalsite/static/trial/network.js";
import { run } from "../../evalsite/static/trial/runner.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";
import { FakeServer, picture, settle, stage } from "./fakes.mjs";

const unlimited = () =>
  new FakeServer([
    { kind: "practice", screens: ["p0", "p1"] },
    { kind: "main", screens: ["m0", "m1", "m2"] },
  ]);

const flash = () =>
  new FakeServer([
    { kind: "practice", protocol: "flash", screens: ["p0"] },
    { kind: "main", protocol: "flash", screens: ["a0", "a1", "a2"] },
    { kind: "main", protocol: "flash", screens: ["b0"] },
  ]);

const onlyImages = (log) => log.filter((entry) => /^[pmab]\d(\+|$)/.test(entry));

test("an observer sees every image once, in order, with words where they are due", async () => {
  const parts = stage(unlimited());
  await run(parts);
  assert.deepEqual(parts.view.log, [
    "0+2", "Is this image real?",
    "0+2", "p0", "unlimited?", "Right: it was real.",
    "0+1", "p1", "unlimited?", "Right: it was real.",
    "0+0",
    "0+3", "Practice is over.",
    "0+3", "m0", "unlimited?",
    "1+2", "m1", "unlimited?",
    "2+1", "m2", "unlimited?",
    "3+0", "Sending your answers…",
    "result",
  ]);
  assert.equal(parts.server.answers.size, 5);
  assert.equal(parts.outbox.size, 0);
});

test("an image is named, and in practice it is told whether rightly", async () => {
  const server = new FakeServer([
    { kind: "practice", protocol: "name", screens: ["p0"] },
    { kind: "main", protocol: "name", screens: ["m0"] },
  ]);
  server.right = ["7"];
  const parts = stage(server, { observer: { choice: "7" } });
  await run(parts);
  assert.deepEqual(parts.view.log.slice(0, 5), ["0+1", "What is it?", "0+1", "p0", "name?"]);
  assert.equal(parts.view.log.filter((entry) => entry === "Right.").length, 1);
  assert.equal(server.answers.get("m0").answer, "7");
});

test("a wrong answer is told as wrong, with the truth", async () => {
  const parts = stage(unlimited(), { observer: { choice: "fake" } });
  await run(parts);
  assert.equal(parts.view.log.filter((entry) => entry === "Wrong: it was real.").length, 2);
  const other = stage(unlimited(), { observer: { choice: "real" } });
  other.server.right = ["fake"];
  await run(other);
  assert.equal(other.view.log.filter((entry) => entry === "Wrong: it was fake.").length, 2);
});

test("response times run from the onset of the image", async () => {
  const parts = stage(unlimited(), { observer: { rt_ms: 432.1 } });
  await run(parts);
  assert.equal(parts.server.answers.get("m2").rt_ms, 432.1);
  assert.equal(parts.server.answers.get("m2").flags, "");
});

test("a press from before the onset answers nothing", async () => {
  const parts = stage(unlimited());
  parts.view.presses = [{ choice: "fake", at_ms: -5 }];
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
  const server = new FakeServer([{ kind: "main", screens: ["m0", "m1", "m2"] }]);
  server.send = () => new Promise(() => {});
  const parts = stage(server);
  run(parts);
  await settle();
  assert.deepEqual(onlyImages(parts.view.log), ["m0", "m1", "m2"]);
  assert.equal(parts.view.log.at(-1), "Sending your answers…");
  assert.equal(parts.outbox.size, 3);
});

test("what another tab sends while the questions are on their way is not asked again", async () => {
  const server = new FakeServer([{ kind: "main", screens: ["m0", "m1", "m2"] }]);
  const parts = stage(server);
  parts.outbox.add({ trial: "m0", answer: "fake" });
  const { block } = server;
  server.block = async () => {
    const reply = await block.call(server);
    server.answers.set("m0", { trial: "m0", answer: "fake" });
    parts.outbox.drop(["m0"]);
    return reply;
  };
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["m1", "m2"]);
  assert.equal(parts.view.log.find((entry) => entry.includes("+2")), "1+2");
  assert.equal(server.answers.get("m0").answer, "fake");
});

test("the result waits until the server has every answer", async () => {
  const server = new FakeServer([{ kind: "main", screens: ["m0"] }]);
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
  assert.equal(parts.view.log.filter((entry) => entry === "Right: it was real.").length, 2);
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
  const server = new FakeServer([{ kind: "main", screens: ["m0", "m1", "m2", "m3"] }]);
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
    3, 2, 1, "p0", "p0's mask 0", "p0's mask 1", "p0's mask 2", "p0's mask 3",
    "ground", "flash?", "Right: it was real.",
  ]);
});

test("the server's staircase sets each exposure", async () => {
  const wanted = { real: [500, 483.33, 483.33], fake: [500, 533.33, 566.67] };
  for (const [answer, exposures_ms] of Object.entries(wanted)) {
    const parts = stage(flash(), { observer: { choice: answer } });
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

test("an exposure that misses by more than half a frame is flagged", async () => {
  const parts = stage(flash());
  const { draw } = parts.view;
  parts.view.draw = (pictures, part) => {
    draw.call(parts.view, pictures, part);
    if (pictures[0]?.address === "/i/a1.png") parts.clock.now_ms += 500; // the page hangs
  };
  await run(parts);
  assert.equal(parts.server.answers.get("a1").flags, "exposure_off");
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
  const load = async (address) => {
    const isRetried = parts.view.log.includes("This image did not load.");
    if (address === "/i/m1.png" && !isRetried) throw new Error("no image");
    return picture(address);
  };
  const pictures = new Images({ load, pause: async () => {} });
  const server = new FakeServer([{ kind: "main", screens: ["m0", "m1", "m2"] }]);
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
  const expected = ["p0", "p0", "p1", "m0", "m0", "m1", "m2"].map((code) => `/i/${code}.png`);
  assert.deepEqual(parts.images.prefetched, expected);
});

const limited = () =>
  new FakeServer([{ kind: "main", protocol: "limited", screens: ["m0", "m1"] }]);

test("a limited image follows a still moment, and is gone before the question", async () => {
  const parts = stage(limited());
  await run(parts);
  const { log } = parts.view;
  const start = log.indexOf("look");
  assert.deepEqual(log.slice(start, start + 4), ["look", "m0", "ground", "limited?"]);
  assert.equal(log.some((entry) => typeof entry === "number" || /mask/.test(entry)), false);
});

test("a limited image is shown for what its trial says, and recorded in frames", async () => {
  const server = limited();
  server.exposures.set("m1", 5000);
  await run(stage(server));
  const kept = ["m0", "m1"].map((code) => server.answers.get(code));
  assert.deepEqual(kept.map(({ shown_ms, frames_shown }) => [shown_ms, frames_shown]), [
    [1000, 60],
    [5000, 300],
  ]);
  assert.ok(kept[1].rt_ms > 5000); // from the onset
});

const pairs = (about) =>
  new FakeServer([
    { kind: "practice", protocol: "pair", screens: ["p0+p1"], ...about },
    { kind: "main", protocol: "pair", screens: ["a0+a1", "b0+b1"], ...about },
  ]);

test("both images of a pair are shown at once, and the answer names the chosen one", async () => {
  const server = pairs();
  server.right = ["p1"];
  const parts = stage(server, { observer: { choice: [1] } });
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["p0+p1", "a0+a1", "b0+b1"]);
  assert.ok(parts.view.log.includes("Right: this one is real. fake real"));
  const { rt_ms, refresh_hz, ...kept } = server.answers.get("b0");
  assert.deepEqual(kept, { trial: "b0", chosen: ["b1"], flags: "" });
  assert.equal(rt_ms, 400);
});

test("who cannot tell chooses none, and is told nothing in practice", async () => {
  const server = pairs({ allow_ties: true });
  const parts = stage(server, { observer: { choice: [] } });
  await run(parts);
  assert.deepEqual(server.answers.get("a0").chosen, []);
  assert.equal(parts.view.log.some((entry) => /^(Right|Wrong)/.test(entry)), false);
  assert.equal(server.answers.size, 3);
});

test("a grid's answer names those taken for fakes; after the practice all is told", async () => {
  const grids = [
    { kind: "practice", protocol: "select", screens: ["p0+p1+p2+p3"] },
    { kind: "main", protocol: "select", screens: ["a0+a1+a2+a3"] },
  ];
  const server = new FakeServer(grids);
  server.fakes = ["p0", "p2"];
  const parts = stage(server, { observer: { choice: [0, 1] } });
  await run(parts);
  assert.deepEqual(server.answers.get("a0").chosen, ["a0", "a1"]);
  const told = parts.view.log.indexOf("2 of 4 right. fake real fake real");
  assert.equal(parts.view.log[told + 1], "go on");
  assert.equal(parts.view.log.filter((entry) => entry === "go on").length, 1);
});

test("who does not qualify goes to the result after the practice", async () => {
  const parts = stage(unlimited());
  const { block } = parts.server;
  parts.server.block = async () => {
    const isOver = parts.server.answers.has("p1");
    return isOver ? { finished: true, qualified: false } : block.call(parts.server);
  };
  await run(parts);
  assert.deepEqual(onlyImages(parts.view.log), ["p0", "p1"]);
  assert.equal(parts.view.log.at(-1), "result");
});

test("a sleep while an image is shown breaks nothing, and the trial is flagged", async () => {
  const parts = stage(limited());
  const { draw } = parts.view;
  parts.attention = {
    begin() { this.wasLost = false; },
    wasLost: false,
  };
  parts.view.draw = (pictures) => {
    draw.call(parts.view, pictures);
    if (pictures[0]?.address !== "/i/m0.png") return;
    parts.clock.now_ms += 8 * 3600_000;
    parts.attention.wasLost = true;
  };
  await run(parts);
  assert.equal(parts.server.answers.get("m0").flags, "exposure_off;focus_lost");
  assert.equal(parts.server.answers.get("m1").flags, "");
});

test("a tab left behind shows the exposures that the server's staircase says", async () => {
  const parts = stage(flash());
  const { server } = parts;
  server.answers.set("p0", { answer: "real" });
  const { send } = server;
  server.send = async (body) => {
    const [{ trial }] = body.answers;
    if (trial === "a0") await send({ answers: [{ trial, answer: "fake" }] }); // the other tab's
    return send(body);
  };
  parts.sender.send = server.send;
  await run(parts);
  assert.equal(server.answers.get("a0").answer, "fake");
  assert.equal(server.answers.get("a1").shown_ms, 533.33); // one step from 500, and upwards
});

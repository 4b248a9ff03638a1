import assert from "node:assert/strict";
import test from "node:test";

import { Refusal } from "../../evalsite/static/trial/network.js";
import { Outbox, Sender } from "../../evalsite/static/trial/outbox.js";
import { MemoryStorage, storageOrMemory } from "../../evalsite/static/trial/storage.js";
import { FakeServer, Pauses, settle } from "./fakes.mjs";

const CODES = Array.from({ length: 250 }, (_, index) => `t${index}`);
const answerTo = (trial, answer = "real") => ({ trial, answer, rt_ms: 400, flags: "" });

function sending({ storage = new MemoryStorage(), codes = CODES } = {}) {
  const server = new FakeServer([{ kind: "main", screens: codes }]);
  const outbox = new Outbox({ storage, code: "abc" });
  const pauses = new Pauses();
  const reports = [];
  const fails = [];
  const sender = new Sender({
    outbox,
    send: server.send,
    pause: pauses.pause,
    report: (reason) => reports.push(reason),
    fail: (error) => fails.push(error),
  });
  return { server, outbox, pauses, reports, fails, sender };
}

test("answers survive a reload", () => {
  const storage = new MemoryStorage();
  new Outbox({ storage, code: "abc" }).add(answerTo("t1"));
  const reloaded = new Outbox({ storage, code: "abc" });
  assert.deepEqual(reloaded.first(5), [answerTo("t1")]);
  assert.equal(reloaded.has("t1"), true);
});

test("each study has its own outbox", () => {
  const storage = new MemoryStorage();
  new Outbox({ storage, code: "abc" }).add(answerTo("t1"));
  assert.equal(new Outbox({ storage, code: "xyz" }).size, 0);
});

test("two tabs lose nothing of each other's", () => {
  const storage = new MemoryStorage();
  const [one, two] = [1, 2].map(() => new Outbox({ storage, code: "abc" }));
  one.add(answerTo("t1"));
  two.add(answerTo("t2"));
  one.add(answerTo("t3"));
  assert.equal(two.size, 3);
});

test("the first answer to a trial stands", () => {
  const outbox = new Outbox({ storage: new MemoryStorage(), code: "abc" });
  outbox.add(answerTo("t1", "real"));
  outbox.add(answerTo("t1", "fake"));
  assert.deepEqual(outbox.first(5), [answerTo("t1", "real")]);
});

test("a full or forbidden storage loses no answer of this visit", (t) => {
  t.mock.method(console, "warn", () => {});
  const full = new MemoryStorage();
  const outbox = new Outbox({ storage: full, code: "abc" });
  outbox.add(answerTo("t1"));
  full.setItem = () => { throw new Error("quota"); };
  outbox.add(answerTo("t2"));
  assert.equal(outbox.size, 2);
  const forbidden = storageOrMemory(() => { throw new Error("denied"); });
  assert.equal(forbidden.getItem("any"), null);
});

test("answers are sent together after a while", async () => {
  const { server, outbox, pauses, sender } = sending();
  sender.keep(answerTo("t1"));
  sender.keep(answerTo("t2"));
  await settle();
  assert.deepEqual(pauses.asked_ms, [3000]);
  assert.equal(server.requests.length, 0);
  await pauses.endAll();
  assert.equal(server.requests.length, 1);
  assert.equal(server.answers.size, 2);
  assert.equal(outbox.size, 0);
});

test("ten answers are sent at once", async () => {
  const { server, outbox, sender } = sending();
  CODES.slice(0, 10).forEach((code) => sender.keep(answerTo(code)));
  await settle();
  assert.equal(server.answers.size, 10);
  assert.equal(outbox.size, 0);
});

test("a heap of answers goes in requests that the server takes", async () => {
  const { server, sender } = sending();
  CODES.forEach((code) => sender.outbox.add(answerTo(code)));
  await sender.drain();
  assert.deepEqual(server.requests.map(({ answers }) => answers.length), [100, 100, 50]);
});

test("an answer given while a request runs is sent by the next one", async () => {
  const { server, outbox, sender } = sending();
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  sender.send = async (body) => { await gate; return server.send(body); };
  const first = sender.confirm(answerTo("t1"));
  const second = sender.confirm(answerTo("t2"));
  release();
  await Promise.all([first, second]);
  assert.deepEqual(server.requests.map(({ answers }) => answers.length), [1, 1]);
  assert.equal(outbox.size, 0);
});

test("servers that fail are asked again, later each time, and nothing is lost", async () => {
  const { server, outbox, pauses, reports, sender } = sending();
  server.failures = [0, 0, 503, 500, 0, 0, 0];
  const confirmed = sender.confirm(answerTo("t1"));
  for (let turn = 0; turn < 7; turn += 1) {
    await settle();
    assert.equal(outbox.size, 1);
    await pauses.endAll();
  }
  await confirmed;
  assert.deepEqual(pauses.asked_ms, [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.deepEqual(reports.slice(0, 3), ["offline", "offline", "server"]);
  assert.equal(reports.at(-1), null);
  assert.equal(server.answers.size, 1);
  assert.equal(outbox.size, 0);
});

test("an answer that arrived although its reply was lost is sent again without harm", async () => {
  const { server, outbox, pauses, sender } = sending();
  const { send } = server;
  sender.send = async (body) => {
    await send(body);
    sender.send = send;
    server.failures = [0];
    return send(body);
  };
  const confirmed = sender.confirm(answerTo("t1"));
  await settle();
  assert.equal(outbox.size, 1);
  await pauses.endAll();
  await confirmed;
  assert.equal(server.requests.length, 2);
  assert.equal(server.answers.size, 1);
  assert.equal(outbox.size, 0);
});

test("trials that the server does not know are dropped with a warning", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { server, outbox, sender } = sending();
  sender.outbox.add(answerTo("from another observer"));
  await sender.confirm(answerTo("t1"));
  assert.equal(outbox.size, 0);
  assert.equal(server.answers.size, 1);
  assert.match(warn.mock.calls[0].arguments.flat().join(" "), /from another observer/);
});

test("an answer that the server cannot read does not block the others", async (t) => {
  t.mock.method(console, "warn", () => {});
  const { outbox, sender } = sending();
  sender.send = async ({ answers: [bad, ...good] }) => ({
    saved: good.map(({ trial }) => trial),
    unknown: [],
    refused: [{ answer: bad, errors: {} }],
    feedback: {},
    next_exposure_ms: {},
  });
  outbox.add(answerTo("t1"));
  await sender.confirm(answerTo("t2"));
  assert.equal(outbox.size, 0);
});

test("a refusal ends the sending and keeps the answers", async () => {
  for (const status of [403, 404]) {
    const { server, outbox, fails, pauses, sender } = sending();
    server.failures = [status, status];
    await assert.rejects(sender.confirm(answerTo("t1")), new Refusal(status));
    sender.keep(answerTo("t2"));
    await pauses.endAll();
    assert.equal(fails[0].status, status);
    assert.equal(outbox.size, 2);
  }
});

test("as the page goes away what is left is sent in a request that outlives it", async () => {
  const { server, outbox, sender } = sending();
  const options = [];
  sender.send = (body, how) => { options.push(how); return server.send(body); };
  await sender.flush();
  assert.deepEqual(options, []);
  sender.keep(answerTo("t1"));
  await sender.flush();
  assert.deepEqual(options, [{ keepalive: true }]);
  assert.equal(outbox.size, 0);
});

test("what does not arrive as the page goes away stays in the outbox", async () => {
  const { server, outbox, sender } = sending();
  server.failures = [0];
  sender.keep(answerTo("t1"));
  await sender.flush();
  assert.equal(outbox.size, 1);
});

test("the screen is described once, with the first request that succeeds", async () => {
  const { server, pauses, sender } = sending();
  sender.screen = { pixel_ratio: 2 };
  server.failures = [503];
  const confirmed = sender.confirm(answerTo("t1"));
  await settle();
  await pauses.endAll();
  await confirmed;
  await sender.confirm(answerTo("t2"));
  assert.deepEqual(server.requests.map(({ screen }) => screen), [{ pixel_ratio: 2 }, undefined]);
});

/** A clock, a network, a screen and an observer that a test plays. */

import { Refusal, Unreachable } from "../../evalsite/static/trial/network.js";
import { Outbox, Sender } from "../../evalsite/static/trial/outbox.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";

/** Let everything run that waits for nothing outside. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A screen's frames; those numbered in `drops` are never offered to the page. */
export function frames(hz, drops = []) {
  let number = -1;
  return async () => {
    do number += 1;
    while (drops.includes(number));
    return (number * 1000) / hz;
  };
}

/** Pauses that last until the test says so. */
export class Pauses {
  asked_ms = [];
  #ends = [];

  pause = (ms) => {
    this.asked_ms.push(ms);
    return new Promise((resolve) => this.#ends.push(resolve));
  };

  async endAll() {
    for (const end of this.#ends.splice(0)) end();
    await settle();
  }
}

/**
 * The server's side of the contract, with a 60 Hz of nothing.
 * @param {{kind, protocol?, feedback?, codes}[]} blocks
 */
export class FakeServer {
  resultPath = "/s/abc/result/";
  answers = new Map();
  requests = [];
  failures = []; // thrown by the next requests, one each
  rightAnswer = "real";

  constructor(blocks) {
    this.blocks = blocks;
    this.exposures = new Map();
    for (const { protocol, kind, codes } of blocks) {
      const known = kind === "practice" ? codes : codes.slice(0, 1);
      if (protocol === "flash") known.forEach((code) => this.exposures.set(code, 500));
    }
  }

  async block() {
    this.#failMaybe();
    const left = ({ codes }) => codes.filter((code) => !this.answers.has(code));
    const position = this.blocks.findIndex((block) => left(block).length);
    if (position < 0) return { finished: true };
    const { kind, protocol = "unlimited" } = this.blocks[position];
    const main = this.blocks.filter((block) => block.kind === "main").flatMap(({ codes }) => codes);
    const exposure = (code) => this.exposures.get(code) ?? null;
    return {
      finished: false,
      csrf: "token",
      block: position,
      kind,
      protocol,
      feedback: this.#givesFeedback(this.blocks[position]),
      countdown_ms: 500,
      masks: protocol === "flash" ? 4 : 0,
      mask_ms: 30,
      image_px: 8,
      multiple: 10,
      answered: main.filter((code) => this.answers.has(code)).length,
      total: main.length,
      trials: left(this.blocks[position]).map((code) => ({ code, exposure_ms: exposure(code) })),
    };
  }

  send = async (body) => {
    this.#failMaybe();
    this.requests.push(structuredClone(body));
    const reply = { saved: [], unknown: [], refused: [], feedback: {}, next_exposure_ms: {} };
    for (const answer of body.answers) this.#record(answer, reply);
    return reply;
  };

  #record(answer, reply) {
    const code = answer.trial;
    const block = this.blocks.find(({ codes }) => codes.includes(code));
    if (!block) return reply.unknown.push(code);
    if (!this.answers.has(code)) this.answers.set(code, answer);
    reply.saved.push(code);
    if (!this.#givesFeedback(block)) return null;
    reply.feedback[code] = this.answers.get(code).answer === this.rightAnswer;
    return this.#step(block, code, reply);
  }

  #step({ kind, codes }, code, reply) {
    const next = codes[codes.indexOf(code) + 1];
    if (kind !== "main" || !next) return;
    this.exposures.set(next, this.exposures.get(code) + (reply.feedback[code] ? -10 : 30));
    reply.next_exposure_ms[next] = this.exposures.get(next);
  }

  #givesFeedback({ kind, protocol }) {
    return kind === "practice" || protocol === "flash";
  }

  #failMaybe() {
    const failure = this.failures.shift();
    if (failure === 0) throw new Unreachable("offline");
    if (failure >= 500) throw new Unreachable("server");
    if (failure) throw new Refusal(failure);
  }
}

/** A screen that writes down what it shows, and an observer who answers after `rt_ms`. */
export class FakeView {
  log = [];
  notices = [];
  fitted = [];
  presses = []; // presses to make instead of the usual one

  constructor(clock, { answer = "real", rt_ms = 400 } = {}) {
    Object.assign(this, { clock, answer, rt_ms });
  }

  draw(picture) {
    this.drawn_ms = this.clock.now_ms;
    this.log.push(picture ? (picture.code ?? "mask") : "ground");
  }

  fit({ image_px }) {
    this.fitted.push(image_px);
  }

  async nextAnswer() {
    const usual = { answer: this.answer, at_ms: this.drawn_ms + this.rt_ms };
    return this.presses.shift() ?? usual;
  }

  count = (digit) => this.log.push(digit);
  ask = (question) => this.log.push(question);
  tell = (isRight, truth) => this.log.push(`${isRight ? "right" : "wrong"}: ${truth}`);
  hush = () => {};
  showLoading = () => this.log.push("loading");
  progress = (block, done, left) => this.log.push(`${done}+${left}`);
  showCard = async ({ title }) => void this.log.push(title);
  hideCard = () => {};
  uncovered = async () => {};
  notice = (reason) => reason && this.notices.push(reason);
  screen = () => ({ pixel_ratio: 2 });
}

/** Everything `run` needs, around a server and a storage; 60 Hz, and time passes at once. */
export function stage(server, { storage = new MemoryStorage(), pictures, observer } = {}) {
  const clock = { now_ms: 0 };
  const nextFrame = sharedFrames(clock);
  const wait = async (ms) => void (clock.now_ms += ms);
  const view = new FakeView(clock, observer);
  const outbox = new Outbox({ storage, code: "abc" });
  const report = (reason) => view.notice(reason);
  const fail = (error) => view.log.push(error);
  const sender = new Sender({ outbox, send: server.send, pause: wait, report, fail });
  const parts = { server, sender, view, nextFrame, wait, pause: wait };
  return {
    ...parts,
    clock,
    outbox,
    images: pictures ?? new FakeImages(),
    attention: { begin() {}, wasLost: false },
    online: () => new Promise(() => {}),
    leave: () => view.log.push("result"),
  };
}

/** 60 Hz; whoever waits for the next frame gets the same one. */
function sharedFrames(clock) {
  let next = null;
  return () => {
    next ??= Promise.resolve().then(() => {
      next = null;
      return (clock.now_ms += 1000 / 60);
    });
    return next;
  };
}

class FakeImages {
  prefetched = [];

  prefetch = (codes, position = 0) => this.prefetched.push(codes[position]);
  isReady = () => true;
  ready = () => [picture("any")];
  get = async (code) => picture(code);
}

export function picture(code, shade = 0) {
  return { code, width: 8, height: 8, data: new Uint8ClampedArray(8 * 8 * 4).fill(shade) };
}

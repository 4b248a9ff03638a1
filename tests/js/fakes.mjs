/** A clock, a network, a screen and an observer that a test plays. */

import { Refusal, Unreachable } from "../../evalsite/static/trial/network.js";
import { Outbox, Sender } from "../../evalsite/static/trial/outbox.js";
import { MemoryStorage } from "../../evalsite/static/trial/storage.js";

/** Let everything run that waits for nothing outside. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A screen's frames from −1 on; those numbered in `drops` are never offered to the page. */
export function frames(hz, drops = []) {
  let number = -2;
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

const given = ({ answer, chosen }) => answer ?? chosen.join("+");

/**
 * The server's side of the contract, with a 60 Hz of nothing.
 * @param {{kind, protocol?, screens: string[], …}[]} blocks a screen is the codes of its images, as
 *   "a" or "a+b"; what else is said of a block replaces what the server would say
 */
export class FakeServer {
  resultPath = "/s/abc/result/";
  answers = new Map();
  requests = [];
  failures = []; // thrown by the next requests, one each
  right = ["real"]; // right answers: of one image, or "a+b" of those that are to be chosen
  fakes = []; // codes, told after the practice of a select study
  timed = { flash: 500, limited: 1000 };

  constructor(blocks) {
    this.blocks = blocks.map(({ screens, ...about }) => ({
      about,
      screens: screens.map((codes) => ({ code: codes.split("+")[0], images: codes.split("+") })),
    }));
    this.exposures = new Map();
    for (const { about, screens } of this.blocks) {
      const isStepped = about.protocol === "flash" && about.kind === "main";
      for (const { code } of isStepped ? screens.slice(0, 1) : screens) {
        this.exposures.set(code, this.timed[about.protocol]);
      }
    }
  }

  async block() {
    this.#failMaybe();
    const left = ({ screens }) => screens.filter(({ code }) => !this.answers.has(code));
    const position = this.blocks.findIndex((block) => left(block).length);
    if (position < 0) return { finished: true };
    const { about } = this.blocks[position];
    const main = this.blocks.flatMap((each) => (each.about.kind === "main" ? each.screens : []));
    return {
      finished: false,
      csrf: "token",
      block: position,
      protocol: "unlimited",
      feedback: this.#givesFeedback(about),
      countdown_ms: 500,
      masks: about.protocol === "flash" ? 4 : 0,
      mask_ms: 30,
      image_px: 8,
      multiple: 10,
      allow_ties: false,
      against: "real",
      answered: main.filter(({ code }) => this.answers.has(code)).length,
      total: main.length,
      screens: left(this.blocks[position]).map((screen) => ({
        ...screen,
        exposure_ms: this.exposures.get(screen.code) ?? null,
      })),
      ...about,
    };
  }

  send = async (body) => {
    this.#failMaybe();
    this.requests.push(structuredClone(body));
    const told = { feedback: {}, answers: {}, next_exposure_ms: {} };
    const reply = { saved: [], unknown: [], refused: [], ...told };
    for (const answer of body.answers) this.#record(answer, reply);
    return reply;
  };

  #record(answer, reply) {
    const code = answer.trial;
    const block = this.blocks.find(({ screens }) => screens.some((screen) => screen.code === code));
    if (!block) return reply.unknown.push(code);
    if (!this.answers.has(code)) this.answers.set(code, answer);
    reply.saved.push(code);
    if (!this.#givesFeedback(block.about)) return null;
    const isRight = this.right.includes(given(this.answers.get(code)));
    reply.feedback[code] = answer.chosen?.length === 0 ? null : isRight;
    const position = block.screens.findIndex((screen) => screen.code === code);
    if (block.about.protocol === "select") this.#tellTruths(block.screens[position], reply);
    return this.#step(block, position, reply);
  }

  #tellTruths({ images }, reply) {
    for (const code of images) reply.answers[code] = this.fakes.includes(code) ? "fake" : "real";
  }

  #step({ about, screens }, position, reply) {
    const [{ code }, next] = screens.slice(position);
    if (about.kind !== "main" || !next) return;
    this.exposures.set(next.code, this.exposures.get(code) + (reply.feedback[code] ? -10 : 30));
    reply.next_exposure_ms[next.code] = this.exposures.get(next.code);
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

  constructor(clock, { choice = "real", rt_ms = 400 } = {}) {
    Object.assign(this, { clock, choice, rt_ms });
  }

  draw(pictures, part) {
    this.drawn_ms = this.clock.now_ms;
    const names = pictures.map(({ address }) => nameOf(address));
    this.log.push(names.length ? names.join("+") + (part ?? "") : "ground");
  }

  fit({ image_px }) {
    this.fitted.push(image_px);
  }

  async nextAnswer() {
    const usual = { choice: this.choice, at_ms: this.drawn_ms + this.rt_ms };
    return this.presses.shift() ?? usual;
  }

  count = (digit) => this.log.push(digit);
  look = () => this.log.push("look");
  ask = ({ protocol }) => this.log.push(`${protocol}?`);
  tell = ({ words, truths }) => this.log.push([words, ...truths].join(" "));
  goOn = async () => void this.log.push("go on");
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

  prefetch = (screens, position = 0) => this.prefetched.push(screens[position]?.[0]);
  areReady = () => true;
  get = async (addresses) => addresses.map(picture);
}

export function picture(address) {
  return { address };
}

/** "/i/a.png" is called a, and the masks after it a's. */
function nameOf(address) {
  const [, kind, code] = address.match(/^\/(\w)\/(.*)\.png$/);
  return kind === "m" ? `${code}'s mask ` : code;
}

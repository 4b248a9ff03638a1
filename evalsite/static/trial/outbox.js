/** Answers are kept here as they are given, until the server has confirmed every one. */

import { insist } from "./network.js";
import { MemoryStorage } from "./storage.js";

const EVERY_MS = 3000;
const BATCH = 10;
const LARGEST_REQUEST = 100; // the server takes 200; a request that outlives the page, 64 KiB

/** Answers given and not yet confirmed; they survive a reload. */
export class Outbox {
  /** @param {{storage: Storage, code: string}} parts `code` is the study's */
  constructor({ storage, code }) {
    this.storage = storage;
    this.key = `uncanny-outbox-${code}`;
  }

  get size() {
    return this.#read().length;
  }

  has(trial) {
    return this.#read().some((answer) => answer.trial === trial);
  }

  first(count) {
    return this.#read().slice(0, count);
  }

  /** The codes of the trials whose answers are kept. */
  get trials() {
    return this.#read().map(({ trial }) => trial);
  }

  /** Keep an answer; a second one to the same trial is ignored. */
  add(answer) {
    if (!this.has(answer.trial)) this.#write([...this.#read(), answer]);
  }

  /** @param {string[]} trials codes of the trials whose answers need no keeping any more */
  drop(trials) {
    this.#write(this.#read().filter((answer) => !trials.includes(answer.trial)));
  }

  clear() {
    this.#write([]);
  }

  #read() {
    return JSON.parse(this.storage.getItem(this.key) ?? "[]");
  }

  #write(answers) {
    const text = JSON.stringify(answers);
    try {
      this.storage.setItem(this.key, text);
    } catch (error) {
      console.warn("Answers cannot be kept across a reload:", error);
      this.storage = new MemoryStorage();
      this.storage.setItem(this.key, text);
    }
  }
}

/** Sends what is in the outbox, in batches, one request at a time. */
export class Sender {
  #running = null;
  #isDue = false;

  /**
   * @param {object} parts
   * @param {Outbox} parts.outbox
   * @param {(body: object, options?: object) => Promise} parts.send see Server.send
   * @param {(ms: number) => Promise} parts.pause
   * @param {(reason: string|null) => void} parts.report hears why sending fails, null when not
   * @param {(error: Error) => void} parts.fail hears that sending is no use, with nobody waiting
   */
  constructor({ outbox, send, pause, report, fail }) {
    Object.assign(this, { outbox, send, pause, report, fail });
    this.heard = { feedback: {}, answers: {}, next_exposure_ms: {} };
    this.screen = null; // what is to be told of the screen with the next request
  }

  /** Keep an answer and send it soon, with others; nobody waits. */
  keep(answer) {
    this.outbox.add(answer);
    if (this.outbox.size >= BATCH) this.drain().catch(this.fail);
    else this.#sendSoon();
  }

  /** Keep an answer, send it now, and wait. @returns all that the server has told so far */
  async confirm(answer) {
    this.outbox.add(answer);
    await this.drain();
    return this.heard;
  }

  /** Send until nothing is left, however long it takes. */
  async drain() {
    if (!this.outbox.size) return;
    this.#running ??= this.#run();
    await this.#running;
  }

  /** Send what there is as the page goes away; what does not arrive is sent at the next visit. */
  async flush() {
    if (!this.outbox.size) return;
    try {
      await this.#post({ keepalive: true });
    } catch {
      // Kept in the outbox all the same.
    }
  }

  #sendSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    this.pause(EVERY_MS).then(() => {
      this.#isDue = false;
      return this.drain();
    }).catch(this.fail);
  }

  async #run() {
    try {
      while (this.outbox.size) {
        await insist(() => this.#post(), this);
      }
    } finally {
      this.#running = null;
    }
  }

  async #post(options) {
    const body = { answers: this.outbox.first(LARGEST_REQUEST) };
    if (this.screen) body.screen = this.screen;
    this.#settle(await this.send(body, options));
    if (this.screen === body.screen) this.screen = null;
  }

  #settle({ saved, unknown, refused, ...told }) {
    if (unknown.length) console.warn("The server knows no such trials:", unknown);
    if (refused.length) console.warn("The server cannot read these answers:", refused);
    this.outbox.drop([...saved, ...unknown, ...refused.map(({ answer }) => answer.trial)]);
    for (const [about, news] of Object.entries(this.heard)) Object.assign(news, told[about]);
  }
}

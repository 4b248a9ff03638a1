/** Takes an observer through a study: block after block, trial after trial, to the result. */

import { IMAGE_FAILED, SENDING, cardFor } from "./cards.js";
import { isOffByFrame, measureFrameMs, play } from "./exposure.js";
import { makeMasks } from "./masks.js";
import { insist } from "./network.js";

const COUNTDOWN = [3, 2, 1];
const FEEDBACK_MS = 700;
const TOO_FAST_MS = 100;

/**
 * Run to the end; only a Refusal of the server, or a mistake of ours, is thrown.
 *
 * Everything outside is an argument, so that a test can be observer, clock, screen and server:
 * @param {object} parts
 * @param {import("./network.js").Server} parts.server
 * @param {import("./outbox.js").Sender} parts.sender
 * @param {import("./images.js").Images} parts.images
 * @param {import("./attention.js").Attention} parts.attention
 * @param {import("./view.js").View} parts.view
 * @param {() => Promise<number>} parts.nextFrame time of the next frame, in ms
 * @param {(ms: number) => Promise} parts.pause may end early when the network is back
 * @param {(ms: number) => Promise} parts.wait never ends early
 * @param {() => Promise} parts.online resolves when the network is back
 * @param {() => void} parts.leave goes to the observer's result
 */
export function run(parts) {
  return new Runner(parts).run();
}

class Runner {
  #frame_ms = null; // unknown until measured

  constructor(parts) {
    Object.assign(this, parts);
    this.outbox = parts.sender.outbox;
  }

  async run() {
    let before = null;
    for (;;) {
      const block = await this.#nextBlock();
      if (block.finished) break;
      await this.#runBlock(block, before);
      before = block;
    }
    this.leave();
  }

  /** The current block, once the server has every answer on which it depends. */
  async #nextBlock() {
    const report = (reason) => this.view.notice(reason);
    const block = await insist(() => this.server.block(), { pause: this.pause, report });
    if (block.finished) this.outbox.clear();
    if (!block.feedback || !this.outbox.size) return block;
    await this.sender.drain();
    return this.#nextBlock();
  }

  async #runBlock(block, before) {
    const trials = block.trials.filter(({ code }) => !this.outbox.has(code));
    this.codes = trials.map(({ code }) => code);
    this.images.prefetch(this.codes);
    this.view.fit(block);
    this.#progress(block, trials.length);
    if (trials.length) await this.#introduce(block, before, answered(block, trials.length));
    for (const [position, trial] of trials.entries()) {
      this.#progress(block, trials.length - position);
      const exposure_ms = trial.exposure_ms ?? this.sender.heard.next_exposure_ms[trial.code];
      if (block.protocol === "flash" && !exposure_ms) {
        if (position) return; // asked for again with the block
        throw new Error(`a flash needs an exposure, got none for trial ${trial.code}`);
      }
      await this.#runTrial(block, { ...trial, exposure_ms, position });
    }
    this.#progress(block, 0);
    if (block.kind === "main") this.view.showCard(SENDING);
    await this.sender.drain();
  }

  #progress(block, left) {
    this.view.progress(block, answered(block, left), left);
  }

  async #introduce(block, before, done) {
    const card = cardFor(block, before, done);
    if (card) await this.view.showCard(card);
    this.view.hideCard();
    const measured = this.#measureScreen();
    if (block.protocol === "flash") await measured;
  }

  async #measureScreen() {
    this.#frame_ms = await measureFrameMs(this.nextFrame);
    this.sender.screen = { ...this.view.screen(), refresh_hz: this.#refreshHz() };
  }

  #refreshHz() {
    return rounded(1000 / this.#frame_ms);
  }

  async #runTrial(block, trial) {
    const picture = await this.#picture(trial.code);
    this.images.prefetch(this.codes, trial.position);
    await this.view.uncovered();
    this.attention.begin();
    const shown = await (block.protocol === "flash"
      ? this.#flash(block, trial, picture)
      : this.#show(picture));
    const { answer, at_ms } = await this.#answerAfter(shown.onset_ms);
    const rt_ms = at_ms - shown.onset_ms;
    const kept = { trial: trial.code, answer, rt_ms: rounded(rt_ms), ...shown.record };
    if (this.#frame_ms) kept.refresh_hz = this.#refreshHz();
    kept.flags = this.#flags(rt_ms, shown).join(";");
    if (block.feedback) await this.#confirm(kept);
    else this.sender.keep(kept);
  }

  /** The trial's picture, however often it must be asked for. */
  async #picture(code) {
    if (!this.images.isReady(code)) this.view.showLoading();
    for (;;) {
      try {
        return await this.images.get(code);
      } catch {
        await Promise.race([this.view.showCard(IMAGE_FAILED), this.online()]);
        this.view.hideCard();
        this.view.showLoading();
      }
    }
  }

  /** Show a picture until it is answered. */
  async #show(picture) {
    const onset_ms = await this.nextFrame();
    this.view.draw(picture);
    this.view.ask("Is this image real?");
    return { onset_ms, record: {}, isOff: false };
  }

  /** Countdown, picture, masks, question. */
  async #flash(block, { exposure_ms }, picture) {
    const masks = makeMasks(this.images.ready(), block.masks);
    const draw = (image) => () => this.view.draw(image);
    const countdown = COUNTDOWN.map((digit) => ({
      ms: block.countdown_ms,
      draw: () => this.view.count(digit),
    }));
    const steps = [
      ...countdown,
      { ms: exposure_ms, draw: draw(picture) },
      ...masks.map((mask) => ({ ms: block.mask_ms, draw: draw(mask) })),
      { ms: 0, draw: draw(null) },
    ];
    const shown = (await play(this.nextFrame, this.#frame_ms, steps))[countdown.length];
    this.view.ask("Was it real?");
    const { onset_ms, shown_ms, frames_shown, frames_dropped } = shown;
    const record = { shown_ms: rounded(shown_ms), frames_shown, frames_dropped };
    return { onset_ms, record, isOff: isOffByFrame(exposure_ms, shown_ms, this.#frame_ms) };
  }

  /** The next answer; what was pressed before the onset answers nothing. */
  async #answerAfter(onset_ms) {
    for (;;) {
      const press = await this.view.nextAnswer();
      if (press.at_ms >= onset_ms) return press;
    }
  }

  #flags(rt_ms, { isOff }) {
    return [
      rt_ms < TOO_FAST_MS && "too_fast",
      isOff && "off_by_frame",
      this.attention.wasLost && "focus_lost",
    ].filter(Boolean);
  }

  /** Have an answer confirmed, and tell the observer whether it was right. */
  async #confirm(kept) {
    this.view.hush();
    const { feedback } = await this.sender.confirm(kept);
    const isRight = feedback[kept.trial];
    if (isRight === undefined) return;
    const other = kept.answer === "real" ? "fake" : "real";
    this.view.tell(isRight, isRight ? kept.answer : other);
    await this.wait(FEEDBACK_MS);
    this.view.hush();
  }
}

/** How many of the questions that count are answered, with so many left in the block. */
function answered(block, left) {
  return block.answered + (block.kind === "main" ? block.trials.length - left : 0);
}

function rounded(number) {
  return Math.round(number * 100) / 100;
}

/** Takes an observer through a study: block after block, screen after screen, to the result. */

import { IMAGE_FAILED, SENDING, cardFor } from "./cards.js";
import { isExposureOff, measureFrameMs, play } from "./exposure.js";
import { insist } from "./network.js";
import { addressesOf, answerTo, isTimed, layoutOf, verdictOn } from "./protocols.js";

const COUNTDOWN = [3, 2, 1];
const FEEDBACK_MS = { single: 700, name: 700, pair: 1200 }; // a grid is looked at as long as one likes
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
    const given = this.outbox.trials; // another tab may have them sent while the server replies
    const block = await insist(() => this.server.block(), { pause: this.pause, report });
    if (block.finished) this.outbox.clear();
    if (!block.feedback || !this.outbox.size) return { ...block, given };
    await this.sender.drain();
    return this.#nextBlock();
  }

  async #runBlock(block, before) {
    const given = [...block.given, ...this.outbox.trials];
    const screens = block.screens.filter(({ code }) => !given.includes(code));
    this.addresses = screens.map((screen) => addressesOf(block, screen));
    this.images.prefetch(this.addresses);
    this.view.fit(block);
    this.#progress(block, screens.length);
    if (screens.length) await this.#introduce(block, before, answered(block, screens.length));
    for (const [position, screen] of screens.entries()) {
      this.#progress(block, screens.length - position);
      const exposure_ms = screen.exposure_ms ?? this.sender.heard.next_exposure_ms[screen.code];
      if (isTimed(block) && !exposure_ms) {
        if (position) return; // asked for again with the block
        throw new Error(`${block.protocol} needs an exposure, got none for trial ${screen.code}`);
      }
      await this.#runScreen(block, { ...screen, exposure_ms }, position);
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
    if (isTimed(block)) await measured;
  }

  async #measureScreen() {
    this.#frame_ms = await measureFrameMs(this.nextFrame);
    this.sender.screen = { ...this.view.screen(), refresh_hz: this.#refreshHz() };
  }

  #refreshHz() {
    return rounded(1000 / this.#frame_ms);
  }

  async #runScreen(block, screen, position) {
    const pictures = await this.#pictures(this.addresses[position]);
    this.images.prefetch(this.addresses, position);
    await this.view.uncovered();
    this.attention.begin();
    const shown = await (isTimed(block)
      ? this.#expose(block, screen, pictures)
      : this.#show(pictures));
    this.view.ask(block);
    const { choice, at_ms } = await this.#answerAfter(shown.onset_ms);
    const rt_ms = at_ms - shown.onset_ms;
    const kept = { ...answerTo(screen, choice), rt_ms: rounded(rt_ms), ...shown.record };
    if (this.#frame_ms) kept.refresh_hz = this.#refreshHz();
    kept.flags = this.#flags(rt_ms, shown).join(";");
    if (block.feedback) await this.#confirm(block, screen, kept);
    else this.sender.keep(kept);
  }

  /** The pictures of a screen, however often they must be asked for. */
  async #pictures(addresses) {
    if (!this.images.areReady(addresses)) this.view.showLoading();
    for (;;) {
      try {
        return await this.images.get(addresses);
      } catch {
        await Promise.race([this.view.showCard(IMAGE_FAILED), this.online()]);
        this.view.hideCard();
        this.view.showLoading();
      }
    }
  }

  /** Show pictures until they are judged. */
  async #show(pictures) {
    await this.nextFrame(); // of a page at rest, the first frame's time may lie in the past
    const onset_ms = await this.nextFrame();
    this.view.draw(pictures);
    return { onset_ms, record: {}, isOff: false };
  }

  /** Show a picture for a set time, and what belongs before and after it. */
  async #expose(block, { exposure_ms }, [picture, masks]) {
    const lead = this.#lead(block);
    const cover = Array.from({ length: masks ? block.masks : 0 }, (_, part) => ({
      ms: block.mask_ms,
      draw: () => this.view.draw([masks], part),
    }));
    const stimulus = { ms: exposure_ms, draw: () => this.view.draw([picture]) };
    const bare = { ms: 0, draw: () => this.view.draw([]) };
    const steps = [...lead, stimulus, ...cover, bare];
    const shown = (await play(this.nextFrame, this.#frame_ms, steps))[lead.length];
    const { onset_ms, shown_ms, frames_shown, frames_dropped } = shown;
    const record = { shown_ms: rounded(shown_ms), frames_shown, frames_dropped };
    return { onset_ms, record, isOff: isExposureOff(exposure_ms, shown_ms, this.#frame_ms) };
  }

  /** What comes before the image: in a flash 3, 2, 1, otherwise one still moment. */
  #lead({ protocol, countdown_ms }) {
    const look = { ms: countdown_ms, draw: () => this.view.look() };
    if (protocol !== "flash") return [look];
    return COUNTDOWN.map((digit) => ({ ms: countdown_ms, draw: () => this.view.count(digit) }));
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
      isOff && "exposure_off",
      this.attention.wasLost && "focus_lost",
    ].filter(Boolean);
  }

  /** Have an answer confirmed, and tell the observer whether it was right. */
  async #confirm(block, screen, kept) {
    this.view.hush();
    const verdict = verdictOn(block, screen, kept, await this.sender.confirm(kept));
    if (!verdict) return;
    this.view.tell(verdict);
    const layout = layoutOf(block);
    await (layout === "select" ? this.view.goOn() : this.wait(FEEDBACK_MS[layout]));
    this.view.hush();
  }
}

/** How many of the screens that count are answered, with so many left in the block. */
function answered(block, left) {
  return block.answered + (block.kind === "main" ? block.screens.length - left : 0);
}

function rounded(number) {
  return Math.round(number * 100) / 100;
}

/**
 * Stimuli timed in frames of the screen.
 *
 * A stimulus is drawn in one frame's callback and replaced in the callback of the first frame at
 * which its time is up to half a frame short. Timers are never used: they are wrong by a frame in
 * half of all trials of a busy browser. `nextFrame` is requestAnimationFrame as a promise: what
 * awaits it still runs before that frame is painted.
 */

const JITTER_MS = 1; // browsers round their clocks

/** @returns {Promise<number>} ms between frames, the median of `count` intervals */
export async function measureFrameMs(nextFrame, count = 30) {
  const times = [await nextFrame()];
  while (times.length <= count) times.push(await nextFrame());
  const intervals = times.slice(1).map((time, index) => time - times[index]);
  return intervals.sort((a, b) => a - b)[Math.floor(count / 2)];
}

/**
 * Show steps one after the other without a gap.
 * @param {() => Promise<number>} nextFrame
 * @param {number} frame_ms the interval between frames
 * @param {{ms: number, draw: () => void}[]} steps what to draw, and for how long; the last stays
 * @returns {Promise<{onset_ms, shown_ms, frames_shown, frames_dropped}[]>} what each step got
 */
export async function play(nextFrame, frame_ms, steps) {
  const shown = [];
  await nextFrame(); // of a page at rest, the first frame's time may lie in the past
  let onset_ms = await nextFrame();
  for (const { ms, draw } of steps) {
    draw();
    shown.push(await hold(nextFrame, frame_ms, onset_ms, ms));
    onset_ms += shown.at(-1).shown_ms;
  }
  return shown;
}

async function hold(nextFrame, frame_ms, onset_ms, ms) {
  let shown_ms = 0;
  let frames_shown = 0;
  while (shown_ms < ms - frame_ms / 2) {
    shown_ms = (await nextFrame()) - onset_ms;
    frames_shown += 1;
  }
  const frames_dropped = Math.max(0, Math.round(shown_ms / frame_ms) - frames_shown);
  return { onset_ms, shown_ms, frames_shown, frames_dropped };
}

/** Whether an exposure missed what was asked for by more than half a frame. */
export function isExposureOff(requested_ms, shown_ms, frame_ms) {
  return Math.abs(shown_ms - requested_ms) > frame_ms / 2 + JITTER_MS;
}

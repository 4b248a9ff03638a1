/**
 * The same trials as jsPsych shows them: preloaded, by its image-keyboard-response.
 *
 * The plugin records no exposure of its own. Its changes are seen from outside: the image is drawn
 * to a canvas, and made invisible or taken away. It makes both between frames, so that each belongs
 * to the next frame. Frames are asked for all the time, for a page at rest is given late ones
 * under the time of the frame before.
 */

import { measureFrameMs } from "/trial/exposure.js";

import { load } from "./load.js";

const STIMULUS = "#jspsych-image-keyboard-response-stimulus";
const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** As in uncanny.js. */
globalThis.run = async ({ images, trials, is_loaded }) => {
  const frame_ms = await measureFrameMs(nextFrame);
  const seen = watch(trials);
  const jsPsych = globalThis.initJsPsych({ default_iti: 0 });
  const timeline = [
    { type: globalThis.jsPsychPreload, images },
    ...trials.map(({ image, ms, gap_ms }) => ({
      type: globalThis.jsPsychImageKeyboardResponse,
      stimulus: images[image],
      choices: "NO_KEYS",
      stimulus_duration: ms,
      trial_duration: ms + gap_ms,
      response_ends_trial: false,
    })),
  ];
  if (is_loaded) load();
  await jsPsych.run(timeline);
  return { frame_ms, shown_ms: exposures(await Promise.all(seen)) };
};

/** What changes from now on, each change with the time of the frame it belongs to. */
function watch(trials) {
  const seen = [];
  let isOn = false;
  const note = (kind) => {
    const { name } = trials[Math.floor(seen.length / 2)];
    performance.mark(`${kind}:${name}`);
    isOn = kind === "on";
    seen.push(nextFrame().then((frame_ms) => ({ kind, name, frame_ms })));
  };
  const { drawImage } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.drawImage = function (...picture) {
    drawImage.apply(this, picture);
    note("on");
  };
  const isVisible = () => document.querySelector(STIMULUS)?.style.visibility === "";
  const observer = new MutationObserver(() => isOn && !isVisible() && note("off"));
  observer.observe(document, { subtree: true, childList: true, attributeFilter: ["style"] });
  keepFramesComing();
  return seen;
}

function keepFramesComing() {
  requestAnimationFrame(keepFramesComing);
}

function exposures(seen) {
  const times = new Map(seen.map(({ kind, name, frame_ms }) => [`${kind}:${name}`, frame_ms]));
  const names = seen.filter(({ kind }) => kind === "off").map(({ name }) => name);
  return Object.fromEntries(
    names.map((name) => [name, times.get(`off:${name}`) - times.get(`on:${name}`)]),
  );
}

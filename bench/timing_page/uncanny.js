/** The trials as this site shows them: its own timing, and a canvas drawn as on its trial screen. */

import { measureFrameMs, play } from "/trial/exposure.js";

import { load } from "./load.js";

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/**
 * @param {{images: string[], trials: {name, image, ms, gap_ms}[], is_loaded: boolean}} plan
 * @returns {Promise<{frame_ms: number, shown_ms: {[name: string]: number}}>}
 */
globalThis.run = async ({ images, trials, is_loaded }) => {
  const pictures = await Promise.all(images.map(decoded));
  const canvas = document.getElementById("picture");
  canvas.width = canvas.height = pictures[0].width;
  const context = canvas.getContext("2d");
  const clear = () => context.clearRect(0, 0, canvas.width, canvas.height);
  const frame_ms = await measureFrameMs(nextFrame);
  if (is_loaded) load();
  const shown_ms = {};
  for (const { name, image, ms, gap_ms } of trials) {
    const draw = () => {
      performance.mark(`on:${name}`);
      context.drawImage(pictures[image], 0, 0);
    };
    const drop = () => {
      performance.mark(`off:${name}`);
      clear();
    };
    const steps = [{ ms, draw }, { ms: gap_ms, draw: drop }];
    shown_ms[name] = (await play(nextFrame, frame_ms, steps))[0].shown_ms;
  }
  return { frame_ms, shown_ms };
};

async function decoded(address) {
  const response = await fetch(address);
  return createImageBitmap(await response.blob());
}

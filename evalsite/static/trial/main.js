/** Wires the trial screen to this browser: its network, storage, clock and screen. */

import { Attention } from "./attention.js";
import { Images } from "./images.js";
import { Server } from "./network.js";
import { Outbox, Sender } from "./outbox.js";
import { run } from "./runner.js";
import { storageOrMemory } from "./storage.js";
import { View } from "./view.js";

const { code } = document.body.dataset;

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const online = () =>
  new Promise((resolve) => addEventListener("online", resolve, { once: true }));

/** Wait, but no longer than until the network is back. */
function pause(ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
  });
}

/** The pixels of a trial's image, decoded. */
async function load(trial) {
  const response = await fetch(`/i/${trial}.png`);
  if (!response.ok) throw new Error(`the image of trial ${trial} came with ${response.status}`);
  const bitmap = await createImageBitmap(await response.blob());
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

const session = storageOrMemory(() => sessionStorage);
const view = new View({ document, window, session, code });
const fail = (error) => view.problem(error);
const attention = new Attention({ document, window });
const server = new Server({ fetch: (...request) => fetch(...request), code });
const sender = new Sender({
  outbox: new Outbox({ storage: storageOrMemory(() => localStorage), code }),
  send: (...message) => server.send(...message),
  report: (reason) => view.notice(reason),
  pause,
  fail,
});

const leaving = document.getElementById("leaving");
document.getElementById("stop").addEventListener("click", (event) => {
  event.preventDefault();
  attention.lose();
  leaving.showModal();
});
addEventListener("pagehide", () => sender.flush());
document.addEventListener("visibilitychange", () => document.hidden && sender.flush());

run({
  server,
  sender,
  images: new Images({ load, pause }),
  attention,
  view,
  nextFrame,
  pause,
  wait,
  online,
  leave: () => location.replace(server.resultPath),
}).catch(fail);

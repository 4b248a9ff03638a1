/** Wires the trial screen to this browser: its network, storage, clock and screen. */

import { Attention } from "./attention.js";
import { Images } from "./images.js";
import { Server } from "./network.js";
import { Outbox, Sender } from "./outbox.js";
import { run } from "./runner.js";
import { storageOrMemory } from "./storage.js";
import { takeOver } from "./tabs.js";
import { View } from "./view.js";

const BEAT_MS = 1000;
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

/** The picture at an address, decoded. */
async function load(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} came with ${response.status}`);
  return createImageBitmap(await response.blob());
}

const session = storageOrMemory(() => sessionStorage);
const view = new View({ document, window, session, code });
const fail = (error) => view.problem(error);
const attention = new Attention({ document, window, now: Date.now });
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
addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // out of date
document.addEventListener("visibilitychange", () => document.hidden && sender.flush());
setInterval(() => attention.beat(), BEAT_MS);

const parts = {
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
};
takeOver({ locks: navigator.locks, name: `uncanny-${code}`, lost: () => view.moved() })
  .then(() => run(parts))
  .catch(fail);

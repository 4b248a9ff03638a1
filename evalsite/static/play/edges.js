/** The page on which one draws: strokes go to the network a few times a second. */

import { Drawing } from "./drawing.js";
import { KeyedPen } from "./keyed_pen.js";
import { Latest, pause } from "./latest.js";
import { byId, onExample, show, turn } from "./turning.js";

const PAUSE_MS = 200;
const CANVAS_PX = 448;

const side = Number(byId("play").dataset.resolution);
const scale = Math.max(1, Math.floor(CANVAS_PX / side));
const canvas = byId("canvas");
canvas.width = canvas.height = side * scale;
const context = canvas.getContext("2d");
const drawing = new Drawing();
let pen = null; // the pointer that draws
const keyed = new KeyedPen(side);
const sent = new Latest({ send, pause, pauseMs: PAUSE_MS });

function renew() {
  drawing.paint(context, scale, side);
  byId("undo").disabled = !drawing.canUndo;
  byId("clear").disabled = drawing.isEmpty;
  sent.ask();
}

async function send() {
  const image = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const said = await turn({ image: new File([image], "drawing.png") });
  if (!said) return;
  show(said.pictures);
  byId("output").alt = drawing.isEmpty ? "What the network makes of no lines" : "What the network makes of your lines";
}

/** Where the pen is, in pixels of the network's image. */
function pointOf({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return [((clientX - box.left) * side) / box.width, ((clientY - box.top) * side) / box.height];
}

canvas.addEventListener("pointerdown", (event) => {
  if (pen !== null || event.button) return;
  pen = event.pointerId;
  liftKeyed();
  canvas.setPointerCapture(pen);
  drawing.begin(Number(byId("width").value), pointOf(event));
  forget();
  renew();
});

canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pen) return;
  for (const each of event.getCoalescedEvents?.() ?? [event]) drawing.extend(pointOf(each));
  renew();
});

canvas.addEventListener("lostpointercapture", () => (pen = null));

canvas.addEventListener("keydown", (event) => {
  if (pen !== null || event.ctrlKey || event.metaKey || event.altKey || (event.key === " " && event.repeat)) return;
  const done = keyed.press(event);
  if (!done) return;
  event.preventDefault();
  if (done === "begun") {
    drawing.begin(Number(byId("width").value), keyed.point);
    forget();
  }
  if (done === "drawn") drawing.extend(keyed.point);
  if (done === "begun" || done === "drawn") renew();
  showKeyed();
});

canvas.addEventListener("blur", liftKeyed);

/** Where the pen of the keys is, which those who use them alone see. */
function showKeyed() {
  const [x, y] = keyed.point.map((at) => `${(100 * at) / side}%`);
  Object.assign(byId("tip").style, { left: x, top: y });
  byId("tip").hidden = false;
  byId("tip").classList.toggle("down", keyed.isDown);
  byId("pen-said").textContent = keyed.isDown ? "The pen is down" : "The pen is lifted";
}

function liftKeyed() {
  keyed.lift();
  byId("tip").hidden = true;
  byId("pen-said").textContent = "";
}

/** The real image beside the lines is theirs no more. */
function forget() {
  byId("original-figure").hidden = true;
}

function undo() {
  if (pen !== null) return;
  liftKeyed();
  drawing.undo();
  forget();
  renew();
}

byId("undo").addEventListener("click", undo);
byId("clear").addEventListener("click", () => {
  liftKeyed();
  drawing.clear();
  forget();
  renew();
});
byId("width").addEventListener("input", ({ target }) => (byId("width-said").textContent = target.value));
document.addEventListener("keydown", (event) => {
  if (event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  undo();
});

onExample(async (example) => {
  const said = await turn({ example });
  if (!said) return;
  const lines = Object.assign(new Image(), { src: said.pictures.input });
  await lines.decode();
  drawing.startFrom(lines);
  show(said.pictures);
  byId("original-figure").hidden = false;
  renew();
});

renew();

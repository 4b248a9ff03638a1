/** The page of an enlargement: what a network adds, under a slider. */

import { byId, onExample, onUpload, show, turn } from "./turning.js";

const NAMES = { nearest: "nearest neighbour", bicubic: "bicubic" };
let pictures = null;

async function renew(given) {
  const said = await turn(given);
  if (!said) return;
  pictures = said.pictures;
  show(pictures);
  byId("pictures").hidden = false;
  compare();
}

function compare() {
  const { value } = document.querySelector("[name=before]:checked");
  if (pictures) byId("before").src = pictures[value];
  byId("before-said").textContent = NAMES[value];
}

function split() {
  const { value } = byId("split");
  byId("before").style.clipPath = `inset(0 ${100 - value}% 0 0)`;
  byId("split").setAttribute("aria-valuetext", `${value} % without the network`);
}

for (const radio of document.querySelectorAll("[name=before]")) radio.addEventListener("change", compare);
byId("split").addEventListener("input", split);
onExample((example) => renew({ example }));
onUpload((image) => renew({ image }));
split();
byId("examples").querySelector("button")?.click();

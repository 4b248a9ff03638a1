/** The page on which codes are added, subtracted and walked between. */

import { Latest, pause } from "./latest.js";
import { Player } from "./player.js";
import { Samples } from "./samples.js";
import { Series } from "./series.js";
import { asker } from "./server.js";
import { MOST_IN_A_SLOT, Slots, strengths } from "./slots.js";

const ON_A_PAGE = 36;
const STEPS = 31;
const PAUSE_MS = 100;
const FRAME_MS = 90;
const SERIES = {
  a: { values: strengths(0, 2, 9), first: 4, every: 1 },
  x: { values: strengths(-3, 3, 13), first: 8, every: 1 },
};

const about = JSON.parse(document.getElementById("about").textContent);
const byId = (id) => document.getElementById(id);
const ask = asker(document);
const slots = new Slots();
const pictures = new Map(); // a sample's address -> its picture
const samples = new Samples({ root: byId("samples"), classes: about.classes, put, changed: tellChosen });
let seed = 0; // of the samples that are shown
let wanted = 0; // the one asked for last

function say(words) {
  byId("said").textContent = words;
}

async function askFor(name, asked) {
  return ask(about.addresses[name], JSON.stringify(asked));
}

/* Samples */

const shown = new Latest({ send: showSamples, pause, pauseMs: 0 });

/** Ask for the samples of this seed, and say so: where the network is slow they come later. */
function turnTo(next) {
  wanted = next;
  byId("earlier").disabled = next === 0;
  byId("which").textContent = `seed ${next} …`;
  shown.ask(next);
}

async function showSamples(next) {
  const addresses = Array.from({ length: ON_A_PAGE }, (_, number) => [next, number]);
  const said = await askFor("draw", { points: addresses.map((each) => ({ start: [each] })) });
  if (next !== wanted) return; // another was asked for since
  if (said) {
    seed = next;
    addresses.forEach((each, place) => pictures.set(String(each), said.images[place]));
    samples.show(addresses, said.images);
  }
  wanted = seed;
  byId("earlier").disabled = seed === 0;
  byId("which").textContent = `seed ${seed}`;
}

byId("more").addEventListener("click", () => turnTo(wanted + 1));
byId("earlier").addEventListener("click", () => turnTo(wanted - 1));

function tellChosen(count) {
  for (const button of document.querySelectorAll(".put")) button.disabled = !count;
  if (count) say(`${count} chosen`);
}

/* Slots */

const slotOf = (name) => document.querySelector(`[data-slot="${name}"]`);
const benches = new Map(); // a slot's name -> what renews itself when it changes

function put(name, added) {
  const left = slots.put(name, added);
  renew(name);
  const taken = added.filter((each) => !left.includes(each)).map((each) => samples.nameOf(each));
  const words = taken.length ? [`${taken.join("; ")} put into ${slotOf(name).ariaLabel}`] : [];
  if (left.length) words.push(`${left.length} left out: a box holds ${MOST_IN_A_SLOT}`);
  say(words.join(". "));
}

function renew(name) {
  const held = slotOf(name).querySelector(".held");
  held.replaceChildren(...slots.in(name).map((each) => heldSample(name, each)));
  slotOf(name).querySelector(".full").hidden = !slots.isFull(name);
  benches.get(name)?.();
}

function heldSample(name, address) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.title = "Take out";
  const alt = `Take out ${samples.nameOf(address)}`;
  button.append(Object.assign(new Image(), { src: pictures.get(String(address)), alt, className: "pixels" }));
  button.addEventListener("click", () => {
    slots.remove(name, address);
    renew(name);
    slotOf(name).querySelector(".held button, .put").focus();
  });
  item.append(button);
  return item;
}

for (const button of document.querySelectorAll(".put")) {
  button.addEventListener("click", () => put(button.closest("[data-slot]").dataset.slot, samples.take()));
}

/* Arithmetic, and the direction of an attribute */

for (const section of document.querySelectorAll("[data-equation]")) {
  const names = section.dataset.equation.split(" ");
  const { values, first, every } = SERIES[names[0]];
  const series = new Series(section.querySelector(".series"));
  const labels = values.map((value) => value.toLocaleString("en", { maximumFractionDigits: 2 }));
  const drawn = new Latest({ send: drawAll, pause, pauseMs: PAUSE_MS });

  async function drawAll(points) {
    const said = await askFor("draw", { points });
    if (said && isWhole()) series.load(said.images, { labels, every, first });
  }

  function isWhole() {
    return slots.point(names) && (slots.in(names[1]).length || slots.in(names[2]).length);
  }

  for (const name of names) {
    benches.set(name, () => {
      if (isWhole()) drawn.ask(values.map((value) => slots.point(names, value)));
      else series.hide();
    });
  }
  if (byId("neighbours")) section.querySelector(".steering").append(compareButton(() => slots.point(names, values[series.place])));
}

/* Walks */

for (const section of document.querySelectorAll("[data-walk]")) {
  const [from, to] = section.dataset.walk.split(" ");
  const series = new Series(section.querySelector(".series"));
  const button = document.createElement("button");
  const player = new Player({ frameMs: FRAME_MS, show: (place) => series.goTo(place), told: tellPlaying });
  const labels = Array.from({ length: STEPS }, (_, place) => `${Math.round((100 * place) / (STEPS - 1))} %`);
  const walked = new Latest({ send: walk, pause, pauseMs: PAUSE_MS });

  function tellPlaying(isPlaying) {
    button.textContent = isPlaying ? "Pause" : "Play";
  }

  async function walk(asked) {
    const said = await askFor("walk", asked);
    if (!said || !isWhole()) return;
    series.load(said.images, { labels, every: 3, first: 0 });
    player.load(STEPS);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
  }

  function isWhole() {
    return slots.point([from]) && slots.point([to]);
  }

  Object.assign(button, { type: "button", className: "button second" });
  tellPlaying(false);
  button.addEventListener("click", () => (player.isPlaying ? player.stop() : player.play()));
  series.range.addEventListener("input", () => {
    player.stop();
    player.goTo(series.place);
  });
  section.querySelector(".steering").append(button);
  for (const name of [from, to]) {
    benches.set(name, () => {
      player.stop();
      if (isWhole()) walked.ask({ from: slots.point([from]), to: slots.point([to]), steps: STEPS });
      else series.hide();
    });
  }
}

/* Neighbours */

function compareButton(point) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "button second", textContent: "Compare with the training images" });
  button.addEventListener("click", () => {
    compared.ask(point());
    byId("nearest").scrollIntoView({ block: "nearest" });
  });
  return button;
}

const compared = new Latest({ send: compare, pause, pauseMs: PAUSE_MS });

async function compare(point) {
  const said = await askFor("nearest", { point });
  if (!said) return;
  const near = said.nearest.map(({ image, distance }, place) =>
    captioned(image, `Training image ${place + 1} in nearness`, `${distance} away`),
  );
  byId("neighbours").replaceChildren(captioned(said.image, "What was compared", "the picture"), ...near);
  byId("among").textContent =
    `Of ${said.among.toLocaleString("en")} training images; distances are root mean square grey levels of 255.`;
  say(`The nearest training image is ${said.nearest[0].distance} grey levels away`);
}

function captioned(src, alt, words) {
  const item = document.createElement("li");
  const small = Object.assign(document.createElement("small"), { textContent: words });
  item.append(Object.assign(new Image(), { src, alt, className: "pixels" }), small);
  return item;
}

benches.set("n", () => slots.point(["n"]) && compared.ask(slots.point(["n"])));

turnTo(0);

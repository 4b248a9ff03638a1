// A training's page: its samples through time by slider or played; and recipes, found by their words, with their values.

const FRAME_MS = 150;
const byId = (id) => document.getElementById(id);
let held = null; // the moment that was chosen, null while the newest is shown
let playing = null;

const moments = () => [...(byId("sheet-moments")?.options ?? [])];

function show(place) {
  const option = moments()[place];
  if (!option) return;
  byId("sheet").src = option.dataset.src;
  byId("sheet").alt = `What the network draws after ${option.label} images`;
  byId("sheet-at").textContent = option.label;
  byId("sheet-slider").value = place;
  byId("sheet-slider").setAttribute("aria-valuetext", `after ${option.label} images`);
}

function choose(place) {
  held = place < moments().length - 1 ? place : null;
  show(place);
}

function stop() {
  clearInterval(playing);
  playing = null;
  if (byId("sheet-play")) byId("sheet-play").textContent = "Play";
}

function step() {
  const last = moments().length - 1;
  const next = (held ?? last) + 1;
  choose(next > last ? 0 : next);
  if (held === null) stop();
}

function toggle() {
  if (playing) return stop();
  for (const { dataset } of moments()) new Image().src = dataset.src;
  playing = setInterval(step, FRAME_MS);
  byId("sheet-play").textContent = "Pause";
}

function prepare() {
  byId("sheet-slider")?.parentElement.removeAttribute("hidden");
  byId("recipe-filter")?.parentElement.removeAttribute("hidden");
  if (playing) byId("sheet-play").textContent = "Pause";
  if (held !== null) show(held);
}

function filter(words) {
  const wanted = words.toLowerCase().split(/\s+/);
  for (const group of document.querySelectorAll(".recipes fieldset")) {
    const recipes = [...group.querySelectorAll("label")];
    for (const recipe of recipes) {
      const text = recipe.textContent.toLowerCase();
      recipe.hidden = !wanted.every((word) => text.includes(word)) && !recipe.control.checked;
    }
    group.hidden = recipes.every((recipe) => recipe.hidden);
  }
}

/** The values of the recipe that is chosen, to be copied into what is changed. */
function showValues() {
  const values = byId("recipe-values");
  const chosen = document.querySelector("[name=config]:checked")?.value;
  if (!values) return;
  values.hidden = !chosen;
  for (const each of values.querySelectorAll("pre")) each.hidden = each.dataset.recipe !== chosen;
}

document.addEventListener("change", ({ target }) => target.name === "config" && showValues());

document.addEventListener("input", ({ target }) => {
  if (target.id === "sheet-slider") {
    stop();
    choose(Number(target.value));
  }
  if (target.id === "recipe-filter") filter(target.value);
});

document.addEventListener("click", ({ target }) => {
  if (target.id === "sheet-play") toggle();
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (byId("sheet-slider")?.matches(":active")) detail.shouldSwap = false; // it is being dragged
});

document.addEventListener("htmx:afterSwap", prepare);
prepare();
showValues();

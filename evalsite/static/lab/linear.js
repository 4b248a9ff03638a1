// The linear model as numbers are changed: the same sums as the server's, at once.

const form = document.getElementById("model");
const plot = document.getElementById("growth");
const MINUS = "\u2212";

const written = (value, places = 2) => {
  const rounded = Number(value.toFixed(places)) + 0; // no minus before zero
  return String(rounded).replace("-", MINUS);
};
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const sigmoid = (score) => 1 / (1 + Math.exp(-score));
const sum = (values) => values.reduce((total, value) => total + value, 0);
const dot = (one, other) => sum(one.map((value, index) => value * other[index]));

export function work(w, x, epsilon) {
  const pushed = x.map((value, index) => value + epsilon * w[index]);
  const signed = x.map((value, index) => value + epsilon * Math.sign(w[index]));
  const scores = { plain: dot(w, x), pushed: dot(w, pushed), signed: dot(w, signed) };
  return { pushed, signed, scores, meanWeight: sum(w.map(Math.abs)) / w.length };
}

function put(name, text) {
  for (const cell of document.querySelectorAll(`[data-cell="${name}"]`)) cell.textContent = text;
}

function show() {
  const fields = [...form.querySelectorAll("input")];
  if (!form.checkValidity()) return;
  const values = (letter) =>
    fields.filter((field) => field.name.startsWith(letter)).map((field) => field.valueAsNumber);
  const w = values("w");
  const x = values("x");
  const epsilon = form.elements.epsilon.valueAsNumber;
  const found = work(w, x, epsilon);
  form.querySelector("output").textContent = written(epsilon);
  w.forEach((weight, index) => {
    put(`product-${index}`, written(weight * x[index]));
    for (const way of ["pushed", "signed"]) {
      put(`${way}-${index}`, written(found[way][index]));
      put(`${way}-product-${index}`, written(weight * found[way][index]));
    }
  });
  for (const [way, score] of Object.entries(found.scores)) {
    put(`${way}-score`, written(score));
    put(`${way}-probability`, percent(sigmoid(score)));
  }
  grow(found.meanWeight, epsilon);
}

function grow(meanWeight, epsilon) {
  const { low, high, height } = plot.dataset;
  const up = (value) => {
    const inside = Math.min(Math.max(value, low), high);
    return height * (1 - Math.log(inside / low) / Math.log(high / low));
  };
  const points = [...plot.querySelectorAll("circle")].map((circle) => {
    const moved = epsilon * meanWeight * circle.dataset.size;
    circle.setAttribute("cy", up(moved));
    put(`effect-${circle.dataset.size}`, grouped(moved));
    return `${circle.getAttribute("cx")},${up(moved)}`;
  });
  plot.querySelector("polyline").setAttribute("points", points.join(" "));
  for (const end of ["y1", "y2"]) plot.querySelector(".chance").setAttribute(end, up(epsilon));
  put("epsilon", written(epsilon, 3));
}

const grouped = (value) =>
  value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

document.getElementById("work-out").hidden = true;
form.querySelector("output").hidden = false;
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();

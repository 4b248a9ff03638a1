/** The page of a cycle: an image there and back, either way. */

import { byId, onExample, onUpload, show, turn } from "./turning.js";

let given = null;

const way = () => document.querySelector("[name=back]:checked").value;

async function renew(next = given) {
  if (!next) return;
  const back = way();
  const said = await turn({ ...next, ...(back && { back }) });
  if (!said) return;
  given = next; // what was refused is not asked for again
  show(said.pictures);
  byId("pictures").hidden = false;
}

onExample((example, back) => {
  document.querySelector(`[name=back][value="${back}"]`).checked = true;
  renew({ example });
});
onUpload((image) => renew({ image }));
/** Go the other way: with an example of the class that this way begins with, or with one's own image. */
function turnRound() {
  const other = given?.example && byId("examples").querySelector(`[data-back="${way()}"]`);
  if (other) other.click();
  else renew();
}

for (const radio of document.querySelectorAll("[name=back]")) radio.addEventListener("change", turnRound);
byId("examples").querySelector("button")?.click();

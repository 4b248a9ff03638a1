/** The page of a cycle: an image there and back, either way. */

import { byId, onExample, onUpload, show, turn } from "./turning.js";

let given = null;

async function renew(next = given) {
  if (!next) return;
  const back = document.querySelector("[name=back]:checked").value;
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
for (const radio of document.querySelectorAll("[name=back]")) radio.addEventListener("change", () => renew());
byId("examples").querySelector("button")?.click();

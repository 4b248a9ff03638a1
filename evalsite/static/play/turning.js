/** What the pages of translations have in common: asking for pictures, and showing them. */

import { asker } from "./server.js";

export const byId = (id) => document.getElementById(id);
const ask = asker(document);
let asked = 0;

/** Ask what becomes of an example or of a file; null if that was refused, which the page says, or if another was asked for since. */
export async function turn(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const own = ++asked;
  const said = await ask(byId("play").dataset.turn, form);
  if (own !== asked) return null;
  if (said) tell(said);
  return said;
}

function tell({ words, notes }) {
  byId("words").textContent = words;
  byId("notes").replaceChildren(
    ...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })),
  );
}

/** Put pictures into the images of the page that are called like them. */
export function show(pictures) {
  for (const [name, address] of Object.entries(pictures)) {
    if (byId(name)) byId(name).src = address;
  }
}

/** Hear which example was pressed, and show where its picture comes, above on a phone; a file that was chosen before is let go, so that it can be chosen again. */
export function onExample(hear) {
  byId("examples").addEventListener("click", ({ target }) => {
    const pressed = target.closest("[data-example]");
    if (!pressed) return;
    for (const each of byId("examples").children) each.setAttribute("aria-pressed", each === pressed);
    if (byId("upload")) byId("upload").value = "";
    hear(pressed.dataset.example, pressed.dataset.back);
    document.querySelector(".large").scrollIntoView({ block: "nearest" });
  });
}

/** Hear of an image of the visitor's own. */
export function onUpload(hear) {
  byId("upload").addEventListener("change", ({ target }) => {
    if (!target.files.length) return;
    for (const each of byId("examples").children) each.setAttribute("aria-pressed", "false");
    hear(target.files[0]);
  });
}

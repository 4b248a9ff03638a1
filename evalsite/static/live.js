// A page that renews itself: what was opened stays open, what was chosen stays chosen, and the focus stays where it was.

const opened = new Set();
let before = null; // of the part that is being renewed: its choices, its scrolled tables, and the focus

const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]";
const CHOICES = "input[type=checkbox], input[type=radio]";

const nameOf = (element) =>
  element.id ||
  [element.tagName, element.name, element.value, element.getAttribute("href"), element.getAttribute("aria-label"), element.textContent].join();

function within(root, selector) {
  return root ? [...root.querySelectorAll(selector)] : [];
}

function remember(root) {
  const focused = root?.contains(document.activeElement) ? document.activeElement : null;
  const alike = within(root, CONTROLS).filter((each) => focused && nameOf(each) === nameOf(focused));
  return {
    choices: within(root, CHOICES).filter((each) => each.checked !== each.defaultChecked),
    scrolled: within(root, ".scroll").map((each) => each.scrollLeft),
    focused: focused && { name: nameOf(focused), place: alike.indexOf(focused) },
  };
}

function restore({ choices, scrolled, focused }, root) {
  for (const choice of choices) {
    const same = within(root, CHOICES).find((each) => nameOf(each) === nameOf(choice));
    if (same) same.checked = choice.checked;
  }
  within(root, ".scroll").forEach((each, place) => (each.scrollLeft = scrolled[place] ?? 0));
  if (!focused || document.activeElement !== document.body) return;
  const same = within(root, CONTROLS).filter((each) => nameOf(each) === focused.name);
  same[focused.place]?.focus({ preventScroll: true });
}

document.addEventListener(
  "toggle",
  ({ target }) => target.id && (target.open ? opened.add(target.id) : opened.delete(target.id)),
  true,
);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  before = { id: detail.target.id, ...remember(detail.target) };
});

document.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (before?.id) restore(before, document.getElementById(before.id));
  before = null;
});

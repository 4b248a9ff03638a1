// A results page that renews itself: what was opened stays open, and a text can be copied.

const opened = new Set();

document.addEventListener(
  "toggle",
  ({ target }) => target.id && (target.open ? opened.add(target.id) : opened.delete(target.id)),
  true,
);

document.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-copies]");
  if (!button) return;
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).innerText);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copies));
    button.textContent = "Selected: copy it with your keyboard";
  }
  setTimeout(() => (button.textContent = words), 3000);
});

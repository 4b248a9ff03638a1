// What a heading means, or why a figure is marked: shown by its button, and meanwhile under the mouse or with the focus.

const buttonIn = (target) => target.closest?.("th, .marked")?.querySelector("button.explain");
const aboutOf = (button) => document.getElementById(button.getAttribute("popovertarget"));

function show(button) {
  const about = aboutOf(button);
  if (!about.matches(":popover-open")) about.showPopover({ source: button });
}

document.addEventListener("pointerover", ({ target, pointerType }) => {
  const button = pointerType === "mouse" && buttonIn(target);
  if (button) show(button);
});

document.addEventListener("pointerout", ({ target, relatedTarget, pointerType }) => {
  if (pointerType !== "mouse") return;
  const button = buttonIn(target);
  const about = button ? aboutOf(button) : target.closest?.(".about");
  const staysWithin = about?.contains(relatedTarget) || buttonIn(relatedTarget ?? document)?.getAttribute("popovertarget") === about?.id;
  if (about && !staysWithin) about.hidePopover();
});

document.addEventListener("focusin", ({ target }) => {
  if (target.matches?.("button.explain")) show(target);
});

document.addEventListener("focusout", ({ target }) => {
  if (target.matches?.("button.explain")) aboutOf(target)?.hidePopover();
});

/** Carrying a picture with the mouse, a pen or a finger, and letting it fall into a slot. */

const FAR_ENOUGH_PX = 8;

/**
 * @param {HTMLElement} root
 * @param {string} what selector of what can be carried
 * @param {(carried: HTMLElement, slot: string) => void} dropped
 */
export function carry(root, what, dropped) {
  let held = null; // {element, x, y, ghost}

  root.addEventListener("pointerdown", (event) => {
    const element = event.target.closest(what);
    if (element && event.isPrimary && event.button === 0) {
      held = { element, x: event.clientX, y: event.clientY, ghost: null };
    }
  });

  document.addEventListener("pointermove", (event) => {
    if (!held || !event.isPrimary) return;
    const distance = Math.hypot(event.clientX - held.x, event.clientY - held.y);
    if (!held.ghost && distance > FAR_ENOUGH_PX) held.ghost = lift(held.element);
    if (held.ghost) {
      held.ghost.style.translate = `${event.clientX}px ${event.clientY}px`;
      mark(slotAt(event));
    }
  });

  document.addEventListener("pointerup", (event) => {
    if (!held || !event.isPrimary) return;
    const { element, ghost } = letGo();
    const slot = ghost && slotAt(event);
    if (ghost) swallowClick();
    if (slot) dropped(element, slot.dataset.slot);
  });

  document.addEventListener("pointercancel", (event) => event.isPrimary && held && letGo());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && held && letGo());

  function letGo() {
    const was = held;
    held.ghost?.remove();
    held = null;
    mark(null);
    return was;
  }
}

function lift(element) {
  const ghost = element.querySelector("img").cloneNode();
  ghost.className = "pixels ghost";
  ghost.alt = "";
  document.getElementById("play").append(ghost);
  return ghost;
}

function slotAt({ clientX, clientY }) {
  return document.elementFromPoint(clientX, clientY)?.closest("[data-slot]") ?? null;
}

function mark(slot) {
  for (const each of document.querySelectorAll("[data-slot]")) {
    each.classList.toggle("awaits", each === slot);
  }
}

/** What was carried was not pressed. */
function swallowClick() {
  const swallow = (event) => event.stopPropagation();
  document.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
}

import { h, icon } from "../dom.js";

/** @import { Child } from "../dom.js" */

/**
 * A button that opens a small panel; Escape, a click elsewhere and `closeMenus` close it.
 *
 * @param {"download" | "again"} drawing @param {string} label @param {{padded?: boolean}} look @param {...Child} items
 */
export function menu(drawing, label, { padded = false }, ...items) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !made.open) return;
    made.open = false;
    event.stopPropagation();
    made.querySelector("summary")?.focus();
  };
  const onBlur = (/** @type {FocusEvent} */ event) => {
    if (event.relatedTarget instanceof Node && !made.contains(event.relatedTarget)) made.open = false;
  };
  const made = h(
    "details",
    { class: "menu", onkeydown: onKey, onfocusout: onBlur },
    h("summary", { class: "button" }, icon(drawing), label),
    h(
      "div",
      { class: padded ? "menu-items padded" : "menu-items" },
      items.filter((item) => item instanceof Node),
    ),
  );
  return made;
}

export function closeMenus() {
  for (const one of document.querySelectorAll("details.menu[open]")) one.removeAttribute("open");
}

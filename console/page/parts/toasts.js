import { announce, byId, h, icon } from "../dom.js";

const SHOWN_MS = 6000;

/**
 * A message at the edge of the page. One that offers something stays longer, and while it is pointed at.
 *
 * @param {string} sentence
 * @param {{isError?: boolean, action?: {label: string, run: () => void}, shownMs?: number}} [options]
 */
export function toast(sentence, { isError = false, action, shownMs = SHOWN_MS } = {}) {
  const close = () => made.remove();
  const act = () => {
    close();
    action?.run();
  };
  const made = h(
    "div",
    {
      class: `toast${isError ? " is-error" : ""}`,
      onmouseenter: () => clearTimeout(timer),
      onfocusin: () => clearTimeout(timer),
    },
    h("p", {}, sentence),
    action && h("button", { type: "button", class: "link", onclick: act }, action.label),
    h(
      "button",
      { type: "button", class: "quiet square", "aria-label": "Close this message", onclick: close },
      icon("close"),
    ),
  );
  byId("toasts").append(made);
  announce(action ? `${sentence} ${action.label} is offered at the end of the page.` : sentence);
  const timer = setTimeout(close, shownMs);
}

/** @param {unknown} error */
export function toastError(error) {
  if (error instanceof Error && error.name === "AbortError") return;
  toast(sentenceOf(error), { isError: true });
}

/** @param {unknown} error */
export const sentenceOf = (error) => (error instanceof Error ? error.message : "Something went wrong.");

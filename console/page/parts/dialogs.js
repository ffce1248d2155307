import { h, icon } from "../dom.js";
import { toast, toastError } from "./toasts.js";

/** @import { Child } from "../dom.js" */

/**
 * A dialog over the page; focus goes in, and back out when it closes.
 *
 * @param {string} title @param {...Child} content
 */
export function openDialog(title, ...content) {
  const close = () => made.close();
  const made = h(
    "dialog",
    {
      "aria-label": title,
      onclose: () => made.remove(),
      onclick: (/** @type {Event} */ event) => event.target === made && close(),
    },
    h(
      "div",
      { class: "dialog-body" },
      h(
        "header",
        {},
        h("h2", {}, title),
        h("button", { type: "button", class: "quiet square", "aria-label": "Close", onclick: close }, icon("close")),
      ),
      ...content.filter((child) => child instanceof Node),
    ),
  );
  document.body.append(made);
  made.showModal();
  return made;
}

/** Asks before what can't be undone. @param {string} title @param {string} text @param {string} label @param {() => Promise<void>} act @param {{isGrave?: boolean}} [look] */
export function confirmFirst(title, text, label, act, { isGrave = true } = {}) {
  const run = async () => {
    made.close();
    await act().catch(toastError);
  };
  const made = openDialog(
    title,
    h("p", {}, text),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: () => made.close() }, "Cancel"),
      h("button", { type: "button", class: isGrave ? "danger" : "primary", onclick: run }, label),
    ),
  );
}

/** Shows what is shown only once. @param {string} title @param {string} text @param {Record<string, string>} secrets */
export function showSecrets(title, text, secrets) {
  const rows = Object.entries(secrets).map(([name, value]) => secretRow(name, value));
  const made = openDialog(
    title,
    h("p", {}, text),
    h("div", { class: "secrets" }, rows),
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", class: "primary", onclick: () => made.close() }, "I have kept it"),
    ),
  );
}

/** @param {string} name @param {string} value */
function secretRow(name, value) {
  const input = h("input", { readonly: true, value, class: "mono", "aria-label": name, onfocus: () => input.select() });
  return h(
    "div",
    { class: "secret" },
    h("span", { class: "label" }, name),
    input,
    h("button", { type: "button", onclick: () => void copy(value, name) }, icon("copy"), "Copy"),
  );
}

/** @param {string} text @param {string} what */
export async function copy(text, what) {
  await navigator.clipboard.writeText(text).then(
    () => toast(`${what} copied.`, { shownMs: 2500 }),
    () => toast("The browser didn't allow copying.", { isError: true }),
  );
}

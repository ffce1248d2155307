import { h } from "./dom.js";
import { openDialog } from "./parts/dialogs.js";

const OFF = "vocafuse-shortcuts-off";
const CHORD_MS = 1200;

/** Keys of the page that is open; `run` says false where it has nothing to do. @typedef {Record<string, {what: string, run: () => unknown}>} Keys */

/** @type {Keys} */
let ofPage = {};
/** @type {Keys} */
let everywhere = {};
let chord = "";
let chordAt = 0;

/** @param {Keys} keys */
export function setPageKeys(keys) {
  ofPage = keys;
}

/** @param {Keys} keys */
export function listen(keys) {
  everywhere = keys;
  document.addEventListener("keydown", onKey);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.closest("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping || document.querySelector("dialog[open]")) return;
  if (localStorage.getItem(OFF) && event.key !== "?") return;
  if (event.key === " " && target.closest("button, a, summary")) return;
  const now = performance.now();
  const name = chord && now - chordAt < CHORD_MS ? `${chord} ${event.key}` : event.key;
  chord = event.key === "g" ? "g" : "";
  chordAt = now;
  const found = ofPage[name] ?? everywhere[name];
  if (!found) return;
  event.preventDefault();
  found.run();
}

export function showShortcuts() {
  const rows = (/** @type {Keys} */ keys) =>
    Object.entries(keys).map(([key, { what }]) => [
      h(
        "dt",
        {},
        key.split(" ").filter(Boolean).length
          ? key.split(" ").map((part) => h("kbd", {}, named(part)))
          : h("kbd", {}, "Space"),
      ),
      h("dd", {}, what),
    ]);
  const all = rows({ ...ofPage, ...everywhere }).flat();
  const off = h("input", { type: "checkbox", onchange: () => switchOff(off.checked) });
  off.checked = Boolean(localStorage.getItem(OFF));
  openDialog(
    "Keyboard shortcuts",
    h("dl", { class: "shortcuts" }, all),
    h("label", { class: "check" }, off, "Switch single keys off (but ?)"),
  );
}

/** @param {boolean} isOff */
function switchOff(isOff) {
  if (isOff) localStorage.setItem(OFF, "1");
  else localStorage.removeItem(OFF);
}

/** @param {string} key */
function named(key) {
  /** @type {Record<string, string>} */
  const names = { ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };
  return names[key] ?? key;
}

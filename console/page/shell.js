import { follow } from "./events.js";
import { h, icon } from "./dom.js";
import { signOut } from "./session.js";
import { listen, setPageKeys, showShortcuts } from "./shortcuts.js";

/** @import { NoteEvent } from "./events.js" */
/** @import { Uploads } from "./parts/uploads.js" */
/** @import { Keys } from "./shortcuts.js" */
/**
 * @typedef {object} Page One of the console's pages.
 * @property {string} title
 * @property {HTMLElement} element
 * @property {Keys} [keys]
 * @property {(event: NoteEvent) => void} [onEvent]
 * @property {() => void} [shown] It is in the document now.
 * @property {() => void} [close]
 */
/** @typedef {(parameters: URLSearchParams, id: string, shell: Shell) => Promise<Page> | Page} View */
/** @typedef {keyof typeof LABELS} Place */

const LABELS = { notes: "Notes", keys: "API keys", webhooks: "Webhooks", usage: "Usage" };
const LIST_KEPT = "vocafuse-list";
const THEMES = /** @type {const} */ ({ system: "light", light: "dark", dark: "system" });

/** @type {Record<Place, () => Promise<View>>} Pages come when they are first wanted. */
const VIEWS = {
  notes: async () => (await import("./views/notes.js")).notesPage,
  keys: async () => (await import("./views/keys.js")).keysPage,
  webhooks: async () => (await import("./views/webhooks.js")).webhooksPage,
  usage: async () => (await import("./views/usage.js")).usagePage,
};

/** The list as it was last seen, with its search and page. */
export const listAddress = () => sessionStorage.getItem(LIST_KEPT) ?? "#/notes";

/** The address names what is shown, so that going back comes here again. @param {string} address */
export function rememberList(address) {
  history.replaceState(null, "", address);
  sessionStorage.setItem(LIST_KEPT, address);
}

/** The frame around all pages, and the stream that tells them what happens. */
export class Shell {
  /** @type {Page | null} */
  #page = null;
  #turn = 0;
  #control = new AbortController();
  #main = h("main", { id: "main", tabindex: "-1" });
  /** Files on their way, whichever page is open. @type {Uploads | null} */
  uploads = null;

  /** @param {HTMLElement} app @param {() => void} onLeave */
  constructor(app, onLeave) {
    app.replaceChildren(
      h(
        "a",
        { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => this.#skip(event) },
        "Skip to the content",
      ),
      h("div", { class: "shell" }, this.#sidebar(onLeave), this.#main),
    );
    addEventListener("hashchange", () => void this.show(), { signal: this.#control.signal });
    listen(this.#keys());
    void follow((event) => this.#page?.onEvent?.(event), this.#control.signal);
  }

  /** @param {() => void} onLeave */
  #sidebar(onLeave) {
    const links = Object.entries(LABELS).map(([place, label]) =>
      h(
        "li",
        {},
        h("a", { href: `#/${place}`, "data-place": place }, icon(/** @type {Place} */ (place)), h("span", {}, label)),
      ),
    );
    const leave = async () => {
      await signOut();
      onLeave();
    };
    return h(
      "header",
      { class: "sidebar" },
      h(
        "a",
        { class: "brand", href: "#/notes" },
        h("img", { src: "console/icon.svg", alt: "", width: "24", height: "24" }),
        "VocaFuse",
      ),
      h("nav", { "aria-label": "Main" }, h("ul", {}, links)),
      h(
        "div",
        { class: "sidebar-end" },
        h(
          "button",
          { type: "button", class: "quiet", id: "theme", onclick: switchTheme },
          icon("theme"),
          h("span", {}, themeLabel()),
        ),
        h(
          "button",
          { type: "button", class: "quiet", onclick: showShortcuts },
          icon("keyboard"),
          h("span", {}, "Shortcuts"),
        ),
        h("button", { type: "button", class: "quiet", onclick: leave }, icon("leave"), h("span", {}, "Sign out")),
      ),
    );
  }

  /** @returns {Keys} */
  #keys() {
    const go = (/** @type {string} */ place) => ({
      what: `Go to ${place === "keys" ? "API keys" : place}`,
      run: () => void (location.hash = `#/${place}`),
    });
    return {
      "g n": go("notes"),
      "g k": go("keys"),
      "g w": go("webhooks"),
      "g u": go("usage"),
      t: { what: "Light, dark, or as the system has it", run: switchTheme },
      "?": { what: "Show these shortcuts", run: showShortcuts },
    };
  }

  /** @param {Event} event */
  #skip(event) {
    event.preventDefault();
    this.#main.focus();
  }

  /** Shows the page that the address names. */
  async show() {
    const turn = ++this.#turn;
    const [path = "", query] = location.hash.replace(/^#\/?/, "").split("?");
    const [name, id = ""] = path.split("/");
    const place = /** @type {Place} */ (name in LABELS ? name : "notes");
    const view = place === "notes" && id ? (await import("./views/note.js")).notePage : await VIEWS[place]();
    const page = await view(new URLSearchParams(query), id, this);
    if (turn !== this.#turn) return page.close?.();
    this.#page?.close?.();
    const isFirst = this.#page === null;
    this.#page = page;
    document.title = `${page.title} · VocaFuse`;
    for (const link of document.querySelectorAll("[data-place]")) {
      if (link.getAttribute("data-place") === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#main.replaceChildren(page.element);
    page.shown?.();
    setPageKeys(page.keys ?? {});
    if (!isFirst) {
      scrollTo(0, 0);
      this.#main.focus({ preventScroll: true });
    }
  }

  close() {
    this.#control.abort();
    this.uploads?.close();
    this.#page?.close?.();
  }
}

const themeNow = () => /** @type {keyof typeof THEMES} */ (document.documentElement.dataset.theme ?? "system");
const themeLabel = () => ({ system: "Theme: system", light: "Theme: light", dark: "Theme: dark" })[themeNow()];

function switchTheme() {
  const theme = THEMES[themeNow()];
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("vocafuse-theme", theme);
  const label = document.querySelector("#theme span");
  if (label) label.textContent = themeLabel();
  dispatchEvent(new Event("themechange"));
}

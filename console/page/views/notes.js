import { listNotes } from "../api.js";
import { announce, h, icon } from "../dom.js";
import { asTyped, plural } from "../format.js";
import { nameNote } from "../naming.js";
import { Capture } from "../parts/capture.js";
import { groups, nothing, row } from "../parts/rows.js";
import { toastError } from "../parts/toasts.js";
import { rememberList } from "../shell.js";
import { Uploads } from "../parts/uploads.js";

/** @import { Note } from "../api.js" */
/** @import { NoteEvent } from "../events.js" */
/** @import { Page, Shell } from "../shell.js" */

const LIMIT = 50;
const TYPING_MS = 180;
const SETTLE_MS = 100;
const RELOAD_AT_MOST_EVERY_MS = 1000;

/** @param {URLSearchParams} parameters @param {string} _id @param {Shell} shell @returns {Promise<Page>} */
export async function notesPage(parameters, _id, shell) {
  const page = new NotesPage(parameters, (shell.uploads ??= new Uploads()));
  await page.load();
  return page;
}

class NotesPage {
  title = "Notes";
  #control = new AbortController();
  /** @type {Note[]} */
  #notes = [];
  #total = 0;
  #page;
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reloading;
  #loadedAt = 0;
  /** Whether something has happened since the list was asked for. */
  #isStale = false;
  #capture = new Capture();
  #search;
  #count = h("p", { class: "hint", role: "status" });
  #list = h("div", { class: "list" });
  #pager = h("nav", { class: "pager", "aria-label": "Pages" });

  /** @param {URLSearchParams} parameters @param {Uploads} uploads */
  constructor(parameters, uploads) {
    this.#page = Number(parameters.get("page")) || 0;
    this.#search = h("input", {
      type: "search",
      id: "search",
      placeholder: "Search titles and transcripts",
      "aria-label": "Search titles and transcripts",
      autocomplete: "off",
      maxlength: "254",
      oninput: () => this.#typed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#searchKey(event),
    });
    this.#search.value = parameters.get("q") ?? "";
    const body = h("div", { class: "page notes" });
    uploads.takeDropped(body, this.#control.signal);
    body.append(
      h("h1", { class: "sr-only" }, "Notes"),
      this.#capture.element,
      uploads.element,
      h(
        "div",
        { class: "search-row", role: "search" },
        h("div", { class: "search" }, icon("search"), this.#search, h("kbd", { "aria-hidden": "true" }, "/")),
        this.#count,
      ),
      this.#list,
      this.#pager,
    );
    this.element = body;
  }

  get keys() {
    return {
      r: { what: "Record, and stop", run: () => this.#capture.toggle() },
      "/": { what: "Search", run: () => this.#search.focus() },
      j: { what: "Next note", run: () => this.#move(1) },
      k: { what: "Previous note", run: () => this.#move(-1) },
    };
  }

  get #words() {
    return this.#search.value.trim();
  }

  shown() {
    this.#remember();
  }

  async load() {
    const asked = ++this.#asked;
    this.#isStale = false;
    try {
      const found = await listNotes({
        page: this.#page,
        limit: LIMIT,
        q: asTyped(this.#search.value),
        signal: this.#control.signal,
      });
      if (asked !== this.#asked) return;
      this.#loadedAt = performance.now();
      if (this.#page > lastPage(found.total)) return await this.#turnTo(lastPage(found.total));
      this.#notes = found.voicenotes;
      this.#total = found.total;
      this.#draw();
      if (this.#isStale) this.#reloadSoon();
    } catch (error) {
      if (asked === this.#asked) toastError(error);
    }
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(async () => {
      this.#page = 0;
      this.#remember();
      this.#list.ariaBusy = "true";
      await this.load();
      this.#list.ariaBusy = "false";
      if (this.#words) announce(`${plural(this.#total, "note")} found.`);
    }, TYPING_MS);
  }

  #remember() {
    const query = new URLSearchParams();
    if (this.#words) query.set("q", this.#words);
    if (this.#page) query.set("page", String(this.#page));
    rememberList(query.size ? `#/notes?${query}` : "#/notes");
  }

  /** @param {NoteEvent} event */
  onEvent(event) {
    void nameNote(event).catch(() => {}); // it then keeps the title that it has
    if (event.type === "ready") return void (event.resumed || this.load());
    this.#isStale = true;
    const at = this.#notes.findIndex(({ id }) => id === event.voicenote_id);
    const note = event.voicenote;
    if (at < 0) return this.#reloadSoon();
    if (note) return this.#redraw(at, note, event.type);
    this.#notes.splice(at, 1);
    this.#total -= 1;
    this.#draw();
    this.#reloadSoon(); // for the one that comes up from the next page
  }

  /** @param {number} at @param {Note} note @param {string} happened */
  #redraw(at, note, happened) {
    const changed = { ...note, match: this.#notes[at]?.match };
    this.#notes[at] = changed;
    const focused = focusedRow();
    document.getElementById(`note-${note.id}`)?.replaceWith(row(changed));
    focusRow(focused);
    if (happened === "voicenote.transcribed") announce(`${note.title} is transcribed.`);
  }

  /** What happens elsewhere can change the list and its total; a flood of it is one change a second. */
  #reloadSoon() {
    const waitMs = Math.max(SETTLE_MS, this.#loadedAt + RELOAD_AT_MOST_EVERY_MS - performance.now());
    this.#reloading ??= setTimeout(() => {
      this.#reloading = undefined;
      void this.load();
    }, waitMs);
  }

  #draw() {
    const words = this.#words;
    const focused = focusedRow();
    const from = this.#page * LIMIT;
    this.#count.textContent = this.#total ? plural(this.#total, words ? "hit" : "note") : "";
    this.#list.replaceChildren(...(this.#notes.length ? groups(this.#notes, Boolean(words)) : [nothing(words)]));
    focusRow(focused);
    const more = from + this.#notes.length < this.#total;
    this.#pager.hidden = !more && this.#page === 0;
    this.#pager.replaceChildren(
      h("button", { type: "button", disabled: this.#page === 0, onclick: () => this.#turn(-1) }, "Newer"),
      h(
        "span",
        { class: "hint" },
        `${(from + 1).toLocaleString()}–${(from + this.#notes.length).toLocaleString()} of ${this.#total.toLocaleString()}`,
      ),
      h("button", { type: "button", disabled: !more, onclick: () => this.#turn(1) }, "Older"),
    );
  }

  /** @param {number} by */
  async #turn(by) {
    await this.#turnTo(this.#page + by);
    scrollTo(0, 0);
    this.#list.querySelector("a")?.focus();
  }

  /** @param {number} page */
  async #turnTo(page) {
    this.#page = page;
    this.#remember();
    await this.load();
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    this.#move(1);
  }

  /** @param {number} by */
  #move(by) {
    const links = [...this.#list.querySelectorAll("a")];
    const at = links.findIndex((link) => link === document.activeElement);
    links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  }

  close() {
    clearTimeout(this.#typing);
    clearTimeout(this.#reloading);
    this.#control.abort();
    this.#capture.close();
  }
}

/** @param {number} total */
const lastPage = (total) => Math.max(0, Math.ceil(total / LIMIT) - 1);

const focusedRow = () => document.activeElement?.closest(".row")?.id;

/** Whoever walks through the list by keys stays where they are. @param {string | undefined} id */
function focusRow(id) {
  if (id) document.getElementById(id)?.querySelector("a")?.focus();
}

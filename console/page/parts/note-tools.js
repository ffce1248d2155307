import { call, deleteNote, request, restoreNote } from "../api.js";
import { h, icon } from "../dom.js";
import { languages } from "../languages.js";
import { copy } from "./dialogs.js";
import { closeMenus, menu } from "./menus.js";
import { toast, toastError } from "./toasts.js";

/** @import { Note, Transcription } from "../api.js" */

const UNDO_S = 60;
const UNDO_SHOWN_MS = 20_000;
const FORMATS = {
  txt: "Text",
  md: "Document (Markdown)",
  srt: "Subtitles (SRT)",
  vtt: "Subtitles (VTT)",
  json: "Words and times (JSON)",
};
/** What the API calls a form that files end otherwise.
 * @type {Record<string, string>} */
const CALLED = { txt: "text", md: "markdown" };

/** What can be done with a note, beside reading it. */
export class NoteTools {
  /** @type {Transcription | null} */
  transcription = null;

  /** @param {Note} note */
  constructor(note) {
    this.note = note;
    const formats = Object.entries(FORMATS).map(([format, label]) => item(label, () => this.#downloadText(format)));
    this.element = h(
      "div",
      { class: "tools" },
      h("button", { type: "button", onclick: () => this.copy() }, icon("copy"), "Copy"),
      menu(
        "download",
        "Download",
        {},
        ...formats,
        item("Audio", () => this.#downloadAudio()),
      ),
      this.#againMenu(),
      h(
        "button",
        { type: "button", class: "danger-quiet", onclick: () => void this.#delete() },
        icon("trash"),
        "Delete",
      ),
    );
  }

  copy() {
    if (this.transcription) void copy(this.transcription.text, "Text");
  }

  #againMenu() {
    const options = languages().map(({ code, name }) => h("option", { value: code }, name));
    const select = h("select", { id: "language" }, h("option", { value: "" }, "As before, or detected"), options);
    const run = async () => {
      closeMenus();
      const body = select.value ? { language: select.value } : {};
      await call(`/voicenotes/${this.note.id}/transcribe`, { method: "POST", body }).catch(toastError);
    };
    return menu(
      "again",
      "Transcribe again",
      { padded: true },
      h("label", { for: "language" }, "What is spoken"),
      select,
      h("button", { type: "button", class: "primary", onclick: run }, "Transcribe again"),
    );
  }

  /** @param {string} format */
  async #downloadText(format) {
    const query = { format: CALLED[format] ?? format };
    const answer = await request(`/voicenotes/${this.note.id}/transcription`, { query });
    save(await answer.blob(), `${this.note.title}.${format}`);
  }

  async #downloadAudio() {
    const answer = await request(`/voicenotes/${this.note.id}/audio`);
    save(await answer.blob(), this.note.original_filename);
  }

  async #delete() {
    const { id, title } = this.note;
    const restore = () =>
      restoreNote(id).then(
        () => toast(`“${title}” is back.`),
        (error) => toastError(error),
      );
    try {
      await deleteNote(id, UNDO_S);
      location.hash = "#/notes";
      toast(`“${title}” was deleted.`, { action: { label: "Undo", run: restore }, shownMs: UNDO_SHOWN_MS });
    } catch (error) {
      toastError(error);
    }
  }
}

/** @param {string} label @param {() => Promise<void>} act */
function item(label, act) {
  const run = () => {
    closeMenus();
    void act().catch(toastError);
  };
  return h("button", { type: "button", onclick: run }, label);
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name.replaceAll(/[/\\]/g, "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

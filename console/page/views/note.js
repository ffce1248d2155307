import { CallError, getNote, getTranscription, updateNote } from "../api.js";
import { announce, h, icon } from "../dom.js";
import { capitalized, clock, dateAndTime, moment, size } from "../format.js";
import { nameNote } from "../naming.js";
import { NoteTools } from "../parts/note-tools.js";
import { Player } from "../parts/player.js";
import { tagsField } from "../parts/tags.js";
import { toastError } from "../parts/toasts.js";
import { Transcript } from "../parts/transcript.js";
import { listAddress } from "../shell.js";

/** @import { Note } from "../api.js" */
/** @import { NoteEvent } from "../events.js" */
/** @import { Page } from "../shell.js" */

const SKIP_S = 5;

/** @param {URLSearchParams} parameters @param {string} id @returns {Promise<Page>} */
export async function notePage(parameters, id) {
  try {
    const note = await getNote(encodeURIComponent(id));
    const page = new NotePage(note, Number(parameters.get("t")) || null);
    await page.loadText();
    return page;
  } catch (error) {
    const told =
      error instanceof CallError && error.status !== 404 ? error.message : "This note doesn't exist, or was deleted.";
    const element = h(
      "div",
      { class: "page empty" },
      h("h1", {}, "No note"),
      h("p", {}, told),
      h("a", { href: "#/notes", class: "button" }, "All notes"),
    );
    return { title: "No note", element };
  }
}

class NotePage {
  /** @type {Transcript | null} */
  #transcript = null;
  #body = h("div", { class: "note-text", "aria-live": "off" });
  #meta = h("p", { class: "meta" });
  #player;
  #tools;
  #note;
  #startAt;
  #titleField;

  /** @param {Note} note @param {number | null} startAt */
  constructor(note, startAt) {
    this.#note = note;
    this.title = note.title;
    this.#tools = new NoteTools(note);
    this.#titleField = h("textarea", {
      class: "title",
      rows: "1",
      maxlength: "255",
      "aria-label": "Title",
      oninput: () => this.#fitTitle(),
      onchange: () => void this.#rename(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#titleKey(event),
    });
    this.#titleField.value = note.title;
    this.#player = new Player(note.duration_seconds ?? 0, (seconds) => this.#transcript?.follow(seconds));
    this.element = h(
      "article",
      { class: "page note" },
      h("h1", { class: "sr-only" }, note.title),
      h(
        "div",
        { class: "note-bar" },
        h("a", { href: listAddress(), class: "button quiet" }, icon("back"), "Notes"),
        this.#tools.element,
      ),
      this.#titleField,
      this.#meta,
      tagsField(note.tags, (tags) => this.#change({ tags })),
      this.#player.element,
      this.#body,
    );
    this.#startAt = startAt;
  }

  shown() {
    this.#fitTitle();
    // What can't be decoded there can't be played here.
    this.#player.element.hidden = this.#note.failure?.code === "UNSUPPORTED_AUDIO";
    if (!this.#player.element.hidden) void this.#player.load(this.#note.id, this.#startAt);
  }

  get keys() {
    return {
      " ": { what: "Play and pause", run: () => void this.#player.toggle() },
      ArrowLeft: { what: `Back ${SKIP_S} seconds`, run: () => this.#player.skip(-SKIP_S) },
      ArrowRight: { what: `On ${SKIP_S} seconds`, run: () => this.#player.skip(SKIP_S) },
      e: { what: "Edit the title", run: () => this.#titleField.select() },
      c: { what: "Copy the text", run: () => this.#tools.copy() },
      Escape: { what: "Back to the notes", run: () => void (location.hash = listAddress()) },
    };
  }

  /** @param {NoteEvent} event */
  onEvent(event) {
    void nameNote(event).catch(() => {});
    if (event.voicenote_id !== this.#note.id) return;
    if (!event.voicenote) return void (location.hash = "#/notes");
    this.#note = this.#tools.note = event.voicenote;
    if (document.activeElement !== this.#titleField) this.#titleField.value = this.#note.title;
    this.#fitTitle();
    if (["voicenote.transcribed", "voicenote.failed", "voicenote.processing"].includes(event.type))
      void this.loadText().catch(toastError);
  }

  async loadText() {
    if (this.#note.status === "transcribed") {
      const isNew = this.#tools.transcription !== null;
      const transcription = await getTranscription(this.#note.id);
      this.#transcript = new Transcript(transcription, (seconds) => void this.#player.playFrom(seconds));
      const legend =
        this.#transcript.hasDoubts &&
        h(
          "p",
          { class: "hint legend" },
          h("span", { class: "is-doubtful" }, "Dotted"),
          " words are those that the model is not sure of.",
        );
      this.#body.replaceChildren(this.#transcript.element, ...(legend ? [legend] : []));
      this.#tools.transcription = transcription;
      if (isNew) announce("The new text is there.");
    } else if (this.#note.status === "failed") {
      this.#body.replaceChildren(
        h(
          "div",
          { class: "empty" },
          h("h2", {}, "No text"),
          h("p", {}, this.#note.failure?.message ?? "It could not be transcribed."),
        ),
      );
    } else this.#body.prepend(h("p", { class: "working", role: "status" }, "Transcribing …"));
    this.#drawMeta();
  }

  #drawMeta() {
    const { created_at, duration_seconds, file_size_bytes, audio_format, user_id } = this.#note;
    const { language, confidence, model } = this.#tools.transcription ?? {};
    const parts = [
      dateAndTime(moment(created_at)),
      duration_seconds === null ? null : clock(duration_seconds),
      language && capitalized(language),
      confidence === undefined ? null : `${Math.round(confidence * 100)} % sure`,
      file_size_bytes === null ? null : `${size(file_size_bytes)} ${audio_format ?? ""}`.trim(),
      model,
      user_id && `of ${user_id}`,
    ];
    this.#meta.replaceChildren(...parts.filter(Boolean).map((part) => h("span", {}, part)));
  }

  /** @param {{title?: string, tags?: string[]}} changes */
  async #change(changes) {
    this.#note = this.#tools.note = await updateNote(this.#note.id, changes);
  }

  async #rename() {
    const title = this.#titleField.value.trim();
    if (!title || title === this.#note.title) return void (this.#titleField.value = this.#note.title);
    try {
      await this.#change({ title });
      document.title = `${title} · VocaFuse`;
      announce("Title saved.");
    } catch (error) {
      toastError(error);
    }
  }

  /** @param {KeyboardEvent} event */
  #titleKey(event) {
    if (event.key === "Escape") this.#titleField.value = this.#note.title;
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    this.#titleField.blur();
  }

  /** As tall as the title needs, on any width. */
  #fitTitle() {
    this.#titleField.style.height = "auto";
    this.#titleField.style.height = `${this.#titleField.scrollHeight + 2}px`;
  }

  close() {
    this.#player.close();
  }
}

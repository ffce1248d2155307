import { h, icon } from "../dom.js";
import { expectTitle } from "../naming.js";
import { sdk } from "./capture.js";

const AT_ONCE = 3;
const DONE_SHOWN_MS = 2500;

/** Files on their way, each with its progress. */
export class Uploads {
  /** @type {(() => Promise<void>)[]} */
  #queue = [];
  #running = 0;
  #list = h("ul", { class: "uploads", "aria-label": "Uploads" });
  #input = h("input", {
    type: "file",
    multiple: true,
    accept: "audio/*,video/webm,video/mp4,.m4a,.amr,.caf",
    class: "sr-only",
    id: "files",
    onchange: () => this.#chosen(),
  });

  element = h(
    "div",
    { class: "files" },
    this.#input,
    h("label", { for: "files", class: "button" }, icon("files"), "Choose files"),
    this.#list,
  );

  /** @param {HTMLElement} area Where files can be dropped. @param {AbortSignal} signal */
  constructor(area, signal) {
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      area.classList.add("is-target");
    };
    const out = (/** @type {DragEvent} */ event) => event.relatedTarget === null && area.classList.remove("is-target");
    const drop = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      area.classList.remove("is-target");
      this.add(event.dataTransfer?.files ?? []);
    };
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", out, { signal });
    addEventListener("drop", drop, { signal });
  }

  #chosen() {
    this.add(this.#input.files ?? []);
    this.#input.value = "";
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) this.#enqueue(file);
  }

  /** @param {File} file */
  #enqueue(file) {
    const progress = h("progress", { max: "100", value: "0", "aria-label": `Upload of ${file.name}` });
    const status = h("span", { class: "hint", role: "status" }, "Waiting");
    const item = h("li", {}, h("span", { class: "name" }, file.name), progress, status);
    this.#list.append(item);
    this.#queue.push(() => this.#send(file, item, progress, status));
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE) {
      const work = this.#queue.shift();
      if (!work) return;
      this.#running += 1;
      void work().finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  /** @param {File} file @param {HTMLElement} item @param {HTMLProgressElement} progress @param {HTMLElement} status */
  async #send(file, item, progress, status) {
    status.textContent = "Sending";
    const onUploadProgress = (/** @type {number} */ percent) => (progress.value = percent);
    try {
      const { voicenote_id } = await sdk.upload(file, { onUploadProgress });
      expectTitle(voicenote_id, file.name.replace(/\.[^.]{1,5}$/, "") || null);
      progress.value = 100;
      status.textContent = "Sent";
      setTimeout(() => item.remove(), DONE_SHOWN_MS);
    } catch (error) {
      const close = () => item.remove();
      status.textContent = error instanceof Error ? error.message : "It could not be sent.";
      item.classList.add("is-error");
      item.append(
        h(
          "button",
          { type: "button", class: "quiet square", "aria-label": `Forget ${file.name}`, onclick: close },
          icon("close"),
        ),
      );
    }
  }
}

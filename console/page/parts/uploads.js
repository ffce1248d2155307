import { h, icon } from "../dom.js";
import { expectTitle } from "../naming.js";
import { VocaFuseError } from "../../sdk/vocafuse.js";
import { sdk } from "./capture.js";
import { sentenceOf } from "./toasts.js";

const AT_ONCE = 3;
const DONE_SHOWN_MS = 2500;

/** Files on their way, each with its progress. They outlive the page that shows them, and end with the session. */
export class Uploads {
  /** @type {Upload[]} */
  #queue = [];
  #running = 0;
  #control = new AbortController();
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
  takeDropped(area, signal) {
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      area.classList.add("is-target");
    };
    const out = (/** @type {DragEvent} */ event) => event.relatedTarget === null && area.classList.remove("is-target");
    const drop = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      area.classList.remove("is-target");
      this.#add(event.dataTransfer?.files ?? []);
    };
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", out, { signal });
    addEventListener("drop", drop, { signal });
  }

  close() {
    this.#control.abort();
    removeEventListener("beforeunload", askToStay);
  }

  #chosen() {
    this.#add(this.#input.files ?? []);
    this.#input.value = "";
  }

  /** @param {Iterable<File>} files */
  #add(files) {
    for (const file of files) {
      const upload = new Upload(file, () => this.#enqueue(upload));
      this.#list.append(upload.element);
      this.#enqueue(upload);
    }
  }

  /** @param {Upload} upload */
  #enqueue(upload) {
    upload.wait();
    this.#queue.push(upload);
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE && !this.#control.signal.aborted) {
      const upload = this.#queue.shift();
      if (!upload) break;
      this.#running += 1;
      void upload.send(this.#control.signal).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
    if (this.#running) addEventListener("beforeunload", askToStay);
    else removeEventListener("beforeunload", askToStay);
  }
}

/** What was only chosen is kept nowhere. @param {Event} event */
const askToStay = (event) => event.preventDefault();

/** One file on its way. */
class Upload {
  #progress = h("progress", { max: "100", value: "0" });
  #status = h("span", { class: "hint", role: "status" });
  #choices = h("span", { class: "choices" });
  #file;
  #again;

  /** @param {File} file @param {() => void} again */
  constructor(file, again) {
    this.#file = file;
    this.#again = again;
    this.#progress.setAttribute("aria-label", `Upload of ${file.name}`);
    const name = h("span", { class: "name", title: file.name }, file.name);
    this.element = h("li", {}, name, this.#progress, this.#status, this.#choices);
  }

  wait() {
    this.element.classList.remove("is-error");
    this.#choices.replaceChildren();
    this.#progress.value = 0;
    this.#status.textContent = "Waiting";
  }

  /** @param {AbortSignal} signal */
  async send(signal) {
    const onUploadProgress = (/** @type {number} */ percent) => {
      this.#progress.value = percent;
      this.#status.textContent = `${percent} %`;
    };
    this.#status.textContent = "Sending";
    try {
      const { voicenote_id } = await sdk.upload(this.#file, { onUploadProgress, signal });
      expectTitle(voicenote_id, this.#file.name.replace(/\.[^.]{1,5}$/, "") || null);
      this.#status.textContent = "Sent";
      setTimeout(() => this.element.remove(), DONE_SHOWN_MS);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    const { name } = this.#file;
    const forget = () => this.element.remove();
    this.#status.textContent = sentenceOf(error);
    this.element.classList.add("is-error");
    const mayWork = error instanceof VocaFuseError && error.temporary;
    const again = h("button", { type: "button", "aria-label": `Send again: ${name}`, onclick: this.#again }, "Send again");
    const close = { type: "button", class: "quiet square", "aria-label": `Forget ${name}`, onclick: forget };
    this.#choices.replaceChildren(...(mayWork ? [again] : []), h("button", close, icon("close")));
  }
}

import { discard, hold, keep } from "./kept.js";

/** @import { Recording } from "./kept.js" */
/** @import { Microphone } from "./microphone.js" */

/** One recording, from the microphone to its note. */
export class Take {
  /** @type {Blob[]} */
  chunks = [];
  control = new AbortController();
  recordedMs = 0;
  /** @type {number | null} When it last began to run; null while it doesn't. */
  runningSince = null;
  /** @type {Promise<void>} */
  writing = Promise.resolve();
  isKept = true;
  isCancelled = false;
  /** @type {(() => Promise<void>) | null} */
  #release = null;

  /** @param {Microphone} microphone @param {Recording} recording */
  constructor(microphone, recording) {
    this.microphone = microphone;
    this.recording = recording;
  }

  get seconds() {
    const running = this.runningSince === null ? 0 : performance.now() - this.runningSince;
    return (this.recordedMs + running) / 1000;
  }

  get audio() {
    return new Blob(this.chunks, { type: this.recording.mimeType });
  }

  /** Other pages leave it alone from here on. */
  async hold() {
    this.#release ??= await hold(this.recording.id);
  }

  async release() {
    await this.#release?.();
    this.#release = null;
  }

  halt() {
    this.recordedMs = this.seconds * 1000;
    this.runningSince = null;
  }

  /** A recording goes on where nothing can be kept, as in some private windows. @param {Blob} [chunk] */
  keep(chunk) {
    if (this.isCancelled) return this.writing;
    const piece = chunk && { chunk, number: this.chunks.push(chunk) };
    this.recording.duration = this.seconds;
    const work = () => (this.isKept ? keep({ ...this.recording }, piece) : undefined);
    this.writing = this.writing.then(work).catch(() => void (this.isKept = false));
    return this.writing;
  }

  async discard() {
    await this.writing;
    await discard(this.recording.id).catch(() => {});
    await this.release();
  }
}

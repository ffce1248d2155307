import { asVocaFuseError } from "./errors.js";
import { discard, hold, keep } from "./kept.js";
import { openMicrophone } from "./microphone.js";
import { formatOf, newId, upload } from "./uploads.js";

/** @import { Api } from "./api.js" */
/** @import { VocaFuseError } from "./errors.js" */
/** @import { Microphone } from "./microphone.js" */
/** @import { Recording, RecorderOptions, UploadResult } from "./types.js" */

const TICK_MS = 100;

/** Asks for the microphone. @param {Api} api @param {RecorderOptions} options */
export async function openTake(api, { deviceId, customTags, language }) {
  const microphone = await openMicrophone(deviceId);
  const { mimeType } = microphone;
  const now = new Date();
  const fileName = `voicenote-${now.toISOString().replace(/[:.]/g, "-")}.${formatOf(mimeType)}`;
  const named = { id: newId(), key: newId(), owner: api.tokens.owner, createdAt: +now, fileName, mimeType };
  const take = new Take(api, microphone, { ...named, duration: 0, customTags, language });
  await take.hold();
  return take;
}

/** One recording, from the microphone to its note. */
export class Take {
  /** @type {Blob[]} */
  #chunks = [];
  #control = new AbortController();
  #recordedMs = 0;
  /** @type {number | null} When it last began to run; null while it doesn't. */
  #runningSince = null;
  /** @type {Promise<void>} */
  #writing = Promise.resolve();
  #isKept = true;
  #isCancelled = false;
  /** @type {(() => Promise<void>) | null} */
  #release = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  #api;
  #microphone;
  #recording;

  /** @param {Api} api @param {Microphone} microphone @param {Recording} recording */
  constructor(api, microphone, recording) {
    this.#api = api;
    this.#microphone = microphone;
    this.#recording = recording;
  }

  get id() {
    return this.#recording.id;
  }

  get seconds() {
    const running = this.#runningSince === null ? 0 : performance.now() - this.#runningSince;
    return (this.#recordedMs + running) / 1000;
  }

  get isRunning() {
    return this.#runningSince !== null;
  }

  get level() {
    return this.isRunning ? this.#microphone.level : 0;
  }

  get audio() {
    return new Blob(this.#chunks, { type: this.#recording.mimeType });
  }

  /** Whether nobody waits for its upload any more. */
  get isGivenUp() {
    return this.#control.signal.aborted;
  }

  /** @param {() => void} onTick Ten times a second, while it runs. @param {() => void} onEnd When it ends by itself. */
  record(onTick, onEnd) {
    const tick = () => this.isRunning && onTick();
    const onChunk = (/** @type {Blob} */ chunk) => {
      this.#recording.owner ??= this.#api.tokens.owner;
      void this.#keep(chunk);
      tick(); // timers of hidden pages are slow
    };
    this.#microphone.record(onChunk, onEnd);
    this.#runningSince = performance.now();
    this.#ticking = setInterval(tick, TICK_MS);
  }

  pause() {
    this.#microphone.pause();
    this.#halt();
  }

  resume() {
    this.#microphone.resume();
    this.#runningSince = performance.now();
  }

  /** Ends the recording, after its last chunk. */
  async stop() {
    await this.#end();
    await this.#keep();
  }

  async #end() {
    clearInterval(this.#ticking);
    this.#halt();
    await this.#microphone.close();
  }

  #halt() {
    this.#recordedMs = this.seconds * 1000;
    this.#runningSince = null;
  }

  /** Other pages leave it alone from here on. */
  async hold() {
    this.#release ??= await hold(this.id);
  }

  async release() {
    await this.#release?.();
    this.#release = null;
  }

  /** Uploads it; what can't be sent is kept. @param {(percent: number) => void} [onUploadProgress] @returns {Promise<UploadResult>} */
  async send(onUploadProgress) {
    const options = { onUploadProgress, signal: this.#control.signal, remember: () => this.#keep() };
    const result = await upload(this.#api, this.#recording, this.audio, options).catch(async (error) => {
      throw await this.#unsent(asVocaFuseError(error, "network"));
    });
    await this.discard();
    return result;
  }

  /** @param {VocaFuseError} error */
  async #unsent(error) {
    if (this.isGivenUp) return error;
    this.#recording.failure = error.code;
    await this.#keep();
    await this.release();
    if (this.#isKept) error.keptId = this.id;
    return error;
  }

  /** A recording goes on where nothing can be kept, as in some private windows. @param {Blob} [chunk] */
  #keep(chunk) {
    if (this.#isCancelled) return this.#writing;
    const piece = chunk && { chunk, number: this.#chunks.push(chunk) };
    this.#recording.duration = this.seconds;
    const work = () => (this.#isKept ? keep({ ...this.#recording }, piece) : undefined);
    this.#writing = this.#writing.then(work).catch(() => void (this.#isKept = false));
    return this.#writing;
  }

  async discard() {
    await this.#writing;
    await discard(this.id).catch(() => {});
    await this.release();
  }

  /** Switches the microphone off and throws away what was recorded. */
  async cancel() {
    this.#isCancelled = true;
    this.#control.abort();
    await this.#end();
    await this.discard();
  }

  /** Switches the microphone off and leaves what was recorded to whoever opens a page next. */
  async leave() {
    this.#control.abort();
    await this.#end();
    await this.#writing;
    await this.release();
  }
}

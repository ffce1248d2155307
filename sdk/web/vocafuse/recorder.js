import { asVocaFuseError, VocaFuseError } from "./errors.js";
import { openMicrophone } from "./microphone.js";
import { Take } from "./take.js";
import { formatOf, newId, upload } from "./uploads.js";

/** @import { Api } from "./api.js" */
/** @import { Recording } from "./kept.js" */
/** @import { UploadResult } from "./uploads.js" */

/** @typedef {"idle" | "recording" | "stopped" | "uploading" | "uploaded" | "error"} RecorderState */

/**
 * @typedef {object} RecorderOptions
 * @property {number} [maxDuration] Seconds after which it stops by itself; 60.
 * @property {number} [minDuration] Seconds below which nothing is sent; 0.3.
 * @property {boolean} [autoUpload] Whether `stop` uploads; it does.
 * @property {Record<string, string>} [customTags] What the note is tagged with.
 * @property {string} [language] What is spoken; not given: it is detected.
 * @property {string} [deviceId] Which microphone.
 * @property {(state: RecorderState) => void} [onStateChange]
 * @property {(seconds: number) => void} [onRecordProgress] Ten times a second.
 * @property {(level: number) => void} [onLevel] Loudness, 0 to 1, ten times a second; `level` has it at any time.
 * @property {(percent: number) => void} [onUploadProgress]
 * @property {(result: UploadResult) => void} [onComplete]
 * @property {(error: VocaFuseError) => void} [onError]
 * @property {() => void} [onCancel]
 */

/** What `stop` gives without `autoUpload`. @typedef {{keptId: string, audio: Blob, duration: number}} Recorded */

const TICK_MS = 100;

/** Records, keeps what is recorded, and uploads it. */
export class VoiceRecorder {
  /** @type {RecorderState} */
  #state = "idle";
  /** @type {Take | null} */
  #take = null;
  /** Goes up with every start and cancel: whoever waited for the microphone sees that it is too late. */
  #turn = 0;
  #busy = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  #api;
  #options;

  /** @param {Api} api @param {RecorderOptions} [options] */
  constructor(api, options = {}) {
    this.#api = api;
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /** Seconds recorded, without pauses. */
  get duration() {
    return this.#take?.seconds ?? 0;
  }

  get isRecording() {
    return this.#state === "recording";
  }

  get isPaused() {
    return this.isRecording && this.#take?.runningSince === null;
  }

  get isUploading() {
    return this.#state === "uploading";
  }

  /** How loud it is now, 0 to 1. */
  get level() {
    return this.isRecording && this.#take && !this.isPaused ? this.#take.microphone.level : 0;
  }

  /** Asks for the microphone and begins. */
  async start() {
    if (this.#busy || this.isRecording || this.isUploading) throw new VocaFuseError("wrong_state");
    const turn = ++this.#turn;
    this.#busy = true;
    void this.#take?.release();
    this.#take = null;
    this.#api.tokens.get().catch(() => {}); // to have it when it is needed
    try {
      const microphone = await openMicrophone(this.#options.deviceId);
      const take = new Take(microphone, this.#newRecording(microphone.mimeType));
      await take.hold();
      if (turn === this.#turn) return this.#begin(take);
      await microphone.close();
      await take.release();
    } catch (error) {
      if (turn === this.#turn) throw this.#failed(asVocaFuseError(error, "recording_failed"));
    } finally {
      if (turn === this.#turn) this.#busy = false;
    }
    throw new VocaFuseError("aborted");
  }

  /** @returns {Promise<UploadResult | Recorded>} The note, or with `autoUpload: false` what was recorded. */
  async stop() {
    const take = this.#take;
    if (!take || !this.isRecording) throw new VocaFuseError("wrong_state");
    this.#busy = true;
    take.halt();
    clearInterval(this.#ticking);
    this.#enter("stopped");
    await take.microphone.close();
    await take.keep();
    if (this.#take !== take) throw new VocaFuseError("aborted");
    this.#busy = false;
    const audio = take.audio;
    if (!audio.size || take.seconds < (this.#options.minDuration ?? 0.3)) {
      this.#take = null;
      await take.discard();
      throw this.#failed(new VocaFuseError("recording_too_short"));
    }
    if (this.#options.autoUpload !== false) return this.upload();
    await take.release();
    return { keptId: take.recording.id, audio, duration: take.seconds };
  }

  /**
   * Uploads what was recorded; also again, after it failed.
   *
   * @returns {Promise<UploadResult>}
   */
  async upload() {
    const take = this.#take;
    const idle = !this.#busy && ["stopped", "error"].includes(this.#state);
    if (!take || !idle) throw new VocaFuseError("wrong_state");
    this.#busy = true;
    await take.hold().finally(() => (this.#busy = false));
    this.#enter("uploading");
    const { onUploadProgress } = this.#options;
    const { signal } = take.control;
    const remember = () => take.keep();
    const sending = upload(this.#api, take.recording, take.audio, { onUploadProgress, signal, remember });
    const result = await sending.catch(async (error) => {
      throw await this.#uploadFailed(take, asVocaFuseError(error, "network"));
    });
    await take.discard();
    this.#enter("uploaded");
    this.#options.onComplete?.(result);
    return result;
  }

  /** Ends it, whatever it does, and throws away what was recorded. */
  async cancel() {
    this.#turn += 1;
    this.#busy = false;
    const take = this.#take;
    this.#take = null;
    clearInterval(this.#ticking);
    this.#enter("idle");
    if (take) {
      take.isCancelled = true;
      take.control.abort();
      await take.microphone.close();
      await take.discard();
    }
    this.#options.onCancel?.();
  }

  pause() {
    if (!this.isRecording || this.isPaused) return;
    this.#take?.microphone.pause();
    this.#take?.halt();
  }

  resume() {
    if (!this.#take || !this.isPaused) return;
    this.#take.microphone.resume();
    this.#take.runningSince = performance.now();
  }

  /** Switches the microphone off and forgets the page; what was recorded and not sent is kept. */
  destroy() {
    this.#turn += 1;
    this.#options = {};
    const take = this.#take;
    this.#take = null;
    clearInterval(this.#ticking);
    this.#state = "idle";
    take?.control.abort();
    void take?.microphone.close().then(() => take.writing.then(() => take.release()));
  }

  /** @param {string} mimeType @returns {Recording} */
  #newRecording(mimeType) {
    const { customTags, language } = this.#options;
    const now = new Date();
    const fileName = `voicenote-${now.toISOString().replace(/[:.]/g, "-")}.${formatOf(mimeType)}`;
    const owner = this.#api.tokens.owner;
    return { id: newId(), key: newId(), owner, createdAt: +now, fileName, mimeType, duration: 0, customTags, language };
  }

  /** @param {Take} take */
  #begin(take) {
    this.#take = take;
    const stop = () => void this.stop().catch(() => {}); // onError is told
    const tick = () => {
      if (this.#take !== take || !this.isRecording || this.isPaused) return;
      this.#options.onRecordProgress?.(take.seconds);
      this.#options.onLevel?.(this.level);
      if (take.seconds >= (this.#options.maxDuration ?? 60)) stop();
    };
    const onChunk = (/** @type {Blob} */ chunk) => {
      take.recording.owner ??= this.#api.tokens.owner;
      void take.keep(chunk);
      tick(); // timers of hidden pages are slow
    };
    take.microphone.record(onChunk, stop);
    take.runningSince = performance.now();
    this.#ticking = setInterval(tick, TICK_MS);
    this.#enter("recording");
  }

  /** @param {RecorderState} state */
  #enter(state) {
    this.#state = state;
    this.#options.onStateChange?.(state);
  }

  /** @param {VocaFuseError} error */
  #failed(error) {
    this.#enter("error");
    this.#options.onError?.(error);
    return error;
  }

  /** @param {Take} take @param {VocaFuseError} error */
  async #uploadFailed(take, error) {
    if (take.control.signal.aborted) return error;
    take.recording.failure = error.code;
    await take.keep();
    await take.release();
    if (take.isKept) error.keptId = take.recording.id;
    return this.#failed(error);
  }
}

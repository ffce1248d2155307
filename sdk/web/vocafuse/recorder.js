import { asVocaFuseError, VocaFuseError } from "./errors.js";
import { load } from "./retries.js";

/** @import { Api } from "./api.js" */
/** @import { Take } from "./take.js" */
/** @import { Recorded, RecorderOptions, RecorderState, UploadResult } from "./types.js" */

const takes = () => load(() => import("./take.js"));

/** Records, keeps what is recorded, and uploads it. */
export class VoiceRecorder {
  /** @type {RecorderState} */
  #state = "idle";
  /** @type {Take | null} */
  #take = null;
  /** Goes up with every start and cancel: whoever waited for the microphone sees that it is too late. */
  #turn = 0;
  #busy = false;
  #api;
  #options;

  /** @param {Api} api @param {RecorderOptions} [options] */
  constructor(api, options = {}) {
    this.#api = api;
    this.#options = options;
    takes().catch(() => {}); // to have it when it is needed
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
    return this.isRecording && !this.#take?.isRunning;
  }

  get isUploading() {
    return this.#state === "uploading";
  }

  /** How loud it is now, 0 to 1. */
  get level() {
    return this.#take?.level ?? 0;
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
      const { openTake } = await takes();
      const take = await openTake(this.#api, this.#options);
      if (turn === this.#turn) return this.#begin(take);
      await take.leave();
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
    const stopped = take.stop();
    this.#enter("stopped");
    await stopped;
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
    return { keptId: take.id, audio, duration: take.seconds };
  }

  /** Uploads what was recorded; also again, after it failed. */
  async upload() {
    const take = this.#take;
    const idle = !this.#busy && ["stopped", "error"].includes(this.#state);
    if (!take || !idle) throw new VocaFuseError("wrong_state");
    this.#busy = true;
    await take.hold().finally(() => (this.#busy = false));
    this.#enter("uploading");
    const result = await take.send(this.#options.onUploadProgress).catch((error) => {
      throw take.isGivenUp ? error : this.#failed(error);
    });
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
    this.#enter("idle");
    await take?.cancel();
    this.#options.onCancel?.();
  }

  pause() {
    if (this.isRecording && !this.isPaused) this.#take?.pause();
  }

  resume() {
    if (this.isPaused) this.#take?.resume();
  }

  /** Switches the microphone off and forgets the page; what was recorded and not sent is kept. */
  destroy() {
    this.#turn += 1;
    this.#options = {};
    const take = this.#take;
    this.#take = null;
    this.#state = "idle";
    void take?.leave();
  }

  /** @param {Take} take */
  #begin(take) {
    this.#take = take;
    const stop = () => void this.stop().catch(() => {}); // onError is told
    const tick = () => {
      this.#options.onRecordProgress?.(take.seconds);
      this.#options.onLevel?.(this.level);
      if (take.seconds >= (this.#options.maxDuration ?? 60)) stop();
    };
    take.record(tick, stop);
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
}

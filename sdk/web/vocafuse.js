/**
 * Voice notes in the browser: record, upload, read the text.
 *
 * Needs a backend of yours that hands out tokens, and no key: `README.md` beside this file has both.
 */
import { Api, Tokens } from "./vocafuse/api.js";
import { asVocaFuseError, VocaFuseError } from "./vocafuse/errors.js";
import { discard, hold, keep, list, read } from "./vocafuse/kept.js";
import { obstacle } from "./vocafuse/microphone.js";
import { VoiceRecorder } from "./vocafuse/recorder.js";
import { pause } from "./vocafuse/retries.js";
import { newId, upload } from "./vocafuse/uploads.js";

export { VocaFuseError, VoiceRecorder };

/** @import { Recording } from "./vocafuse/kept.js" */
/** @import { RecorderOptions } from "./vocafuse/recorder.js" */
/** @import { UploadOptions, UploadResult } from "./vocafuse/uploads.js" */

/**
 * @typedef {object} SDKConfig
 * @property {string} tokenEndpoint Your backend's URL that answers POST with a token.
 * @property {string} [apiBaseUrl] The API, e.g. `https://notes.example.com/v1`; the server this file came from.
 * @property {RequestInit} [tokenRequest] More for that POST, e.g. headers against forged requests.
 */

/**
 * @typedef {object} Transcription
 * @property {string} text
 * @property {string | null} language
 * @property {number} confidence
 * @property {{word: string, start_time: number, end_time: number, confidence: number}[]} words
 * @property {{start: number, end: number, text: string}[]} segments
 */

/** A recording that waits to be sent, and why. @typedef {Recording & {error: VocaFuseError}} Kept */

export const VERSION = "0.1.0";
const FIRST_LOOK_MS = 250;
const MAX_LOOKS_MS = 5000;

/** The API for one page and the user that its tokens speak for. */
export class VocaFuseSDK {
  #api;

  /** @param {SDKConfig} config */
  constructor({ tokenEndpoint, apiBaseUrl, tokenRequest }) {
    if (!tokenEndpoint) throw new TypeError("tokenEndpoint is required");
    const base = new URL(apiBaseUrl ?? "/v1", apiBaseUrl ? location.href : import.meta.url);
    if (base.pathname === "/") base.pathname = "/v1";
    this.tokenEndpoint = tokenEndpoint;
    this.#api = new Api(base.href.replace(/\/$/, ""), new Tokens(tokenEndpoint, tokenRequest));
  }

  /** Gets a token, and so finds out whether all is set up. */
  async init() {
    await this.#api.tokens.get();
  }

  /** @param {RecorderOptions} [options] */
  createRecorder(options) {
    return new VoiceRecorder(this.#api, options);
  }

  isVoicenoteSupported() {
    return obstacle() === null;
  }

  getInfo() {
    const { base, tokens } = this.#api;
    const voicenoteSupported = this.isVoicenoteSupported();
    return { version: VERSION, voicenoteSupported, tokenEndpoint: this.tokenEndpoint, apiBaseUrl: base, identity: tokens.owner };
  }

  /**
   * Uploads a file, or audio from elsewhere.
   *
   * @param {File | Blob} audio
   * @param {UploadOptions & {fileName?: string, customTags?: Record<string, string>, language?: string}} [options]
   * @returns {Promise<UploadResult>}
   */
  async upload(audio, { fileName, customTags, language, ...options } = {}) {
    const name = fileName ?? (audio instanceof File ? audio.name : "voicenote");
    const named = { id: newId(), key: newId(), fileName: name, mimeType: audio.type, customTags, language };
    return upload(this.#api, { ...named, owner: null, createdAt: Date.now(), duration: null }, audio, options);
  }

  /**
   * Waits for a note's text.
   *
   * @param {string} voicenoteId
   * @param {{timeout?: number, signal?: AbortSignal}} [options] `timeout` in seconds; 120.
   * @returns {Promise<Transcription>}
   */
  async wait(voicenoteId, { timeout = 120, signal } = {}) {
    const path = `/voicenotes/${encodeURIComponent(voicenoteId)}`;
    const deadline = Date.now() + timeout * 1000;
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 1.5, MAX_LOOKS_MS)) {
      const { status, failure } = await this.#api.call(path, { signal });
      if (status === "failed") throw failureError(failure);
      if (status === "transcribed") break;
      if (Date.now() + lookMs > deadline) throw new VocaFuseError("transcription_timeout");
      await pause(lookMs, signal);
    }
    const transcription = await this.#api.call(`${path}/transcription`, { signal });
    return { ...transcription, words: JSON.parse(transcription.words) };
  }

  /** Recordings of this user that weren't sent, oldest first. @returns {Promise<Kept[]>} */
  async listKept() {
    if (!this.#api.tokens.owner) await this.#api.tokens.get().catch(() => {}); // then only those that are nobody's
    const kept = await list(this.#api.tokens.owner);
    return kept.map((one) => ({ ...one, error: new VocaFuseError(one.failure ?? "page_closed", { keptId: one.id }) }));
  }

  /** What was recorded, to listen to or to save. @param {string} id @returns {Promise<Blob>} */
  async readKept(id) {
    return (await read(id)).audio;
  }

  /**
   * Sends a recording that was kept; it makes one note, also if an earlier try did without our knowing.
   *
   * @param {string} id
   * @param {UploadOptions} [options]
   * @returns {Promise<UploadResult>}
   */
  async retryKept(id, options = {}) {
    const release = await hold(id);
    try {
      const { recording, audio } = await read(id);
      const result = await upload(this.#api, recording, audio, { ...options, remember: keep }).catch(async (error) => {
        const { code } = asVocaFuseError(error, "network");
        if (code !== "aborted") await keep({ ...recording, failure: code });
        throw Object.assign(error, { keptId: id });
      });
      await discard(id);
      return result;
    } finally {
      await release();
    }
  }

  /** @param {string} id */
  async discardKept(id) {
    const release = await hold(id);
    await discard(id).finally(release);
  }
}

/** @param {{code: string, message: string} | undefined} failure */
function failureError(failure) {
  const detail = failure?.message;
  if (failure?.code === "AUDIO_TOO_LONG") return new VocaFuseError("recording_too_long", { detail });
  if (failure?.code === "UNSUPPORTED_AUDIO") return new VocaFuseError("invalid_audio", { detail });
  return new VocaFuseError("transcription_failed", { detail });
}

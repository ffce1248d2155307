/**
 * Voice notes in the browser: record, upload, read the text.
 *
 * Needs a backend of yours that hands out tokens, and no key: `README.md` beside this file has both.
 * What a page doesn't need at once (the microphone, uploads, what is kept, waiting) is loaded when it does.
 */
import { Api, Tokens } from "./vocafuse/api.js";
import { VocaFuseError } from "./vocafuse/errors.js";
import { VoiceRecorder } from "./vocafuse/recorder.js";
import { load } from "./vocafuse/retries.js";
import { obstacle } from "./vocafuse/support.js";

export { VocaFuseError, VoiceRecorder };

/** @import { FileOptions, RecorderOptions, SDKConfig, UploadOptions, WaitOptions } from "./vocafuse/types.js" */
/** @import { Waiting } from "./vocafuse/waiting.js" */

export const VERSION = "0.1.0";

/** The API for one page and the user that its tokens speak for. */
export class VocaFuseSDK {
  #api;
  /** @type {Waiting | null} */
  #waiting = null;

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

  /** Uploads a file, or audio from elsewhere. @param {File | Blob} audio @param {FileOptions} [options] */
  async upload(audio, options) {
    const { uploadFile } = await load(() => import("./vocafuse/uploads.js"));
    return uploadFile(this.#api, audio, options);
  }

  /** Waits for a note's text. @param {string} voicenoteId @param {WaitOptions} [options] */
  async wait(voicenoteId, options) {
    const { Waiting } = await load(() => import("./vocafuse/waiting.js"));
    this.#waiting ??= new Waiting(this.#api);
    return this.#waiting.textOf(voicenoteId, options);
  }

  /** Recordings of this user that weren't sent, oldest first. */
  async listKept() {
    return (await resending()).listKept(this.#api);
  }

  /** What was recorded, to listen to or to save. @param {string} id */
  async readKept(id) {
    return (await resending()).readKept(id);
  }

  /**
   * Sends a recording that was kept; it makes one note, also if an earlier try did without our knowing.
   *
   * @param {string} id @param {UploadOptions} [options]
   */
  async retryKept(id, options) {
    return (await resending()).retryKept(this.#api, id, options);
  }

  /** @param {string} id */
  async discardKept(id) {
    return (await resending()).discardKept(id);
  }
}

const resending = () => load(() => import("./vocafuse/resending.js"));

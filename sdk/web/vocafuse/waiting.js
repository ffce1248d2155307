import { VocaFuseError } from "./errors.js";
import { readEvents } from "./events.js";

/** @import { Api } from "./api.js" */
/** @import { Transcription, WaitOptions } from "./types.js" */
/** @typedef {{id: string, status: string, failure?: {code: string, message: string}}} Note */

const FIRST_LOOK_MS = 250;
const MAX_LOOKS_MS = 5000;
const LOOKS_WHILE_LISTENING_MS = 15_000;
const SILENT_MS = 45_000; // The server says every 15 s that it is still there.

/**
 * Waits for texts: one stream of events tells all that wait, and where there is none they look again and again.
 */
export class Waiting {
  #api;
  /** @type {Set<Bell>} */
  #bells = new Set();
  /** @type {AbortController | null} */
  #stream = null;
  #isListening = false;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {string} id @param {WaitOptions} [options] @returns {Promise<Transcription>} */
  async textOf(id, { timeout = 120, signal } = {}) {
    const path = `/voicenotes/${encodeURIComponent(id)}`;
    const bell = new Bell(id);
    this.#bells.add(bell);
    void this.#listen();
    try {
      await this.#finish(bell, path, Date.now() + timeout * 1000, signal);
    } finally {
      this.#bells.delete(bell);
      if (!this.#bells.size) this.#hangUp();
    }
    const transcription = await this.#api.call(`${path}/transcription`, { signal });
    return { ...transcription, words: JSON.parse(transcription.words) };
  }

  /** @param {Bell} bell @param {string} path @param {number} deadline @param {AbortSignal} [signal] */
  async #finish(bell, path, deadline, signal) {
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 1.5, MAX_LOOKS_MS)) {
      const leftMs = deadline - Date.now();
      const note = await bell.rest(Math.min(leftMs, this.#isListening ? LOOKS_WHILE_LISTENING_MS : lookMs), signal);
      const { status, failure } = note ?? (await this.#api.call(path, { signal }));
      if (status === "transcribed") return;
      if (status === "failed") throw failureError(failure);
      if (Date.now() >= deadline) throw new VocaFuseError("transcription_timeout");
    }
  }

  /** Follows what happens to this user's notes, while anybody waits. */
  async #listen() {
    if (this.#stream) return;
    const control = (this.#stream = new AbortController());
    const stop = () => control.abort();
    let silence = setTimeout(stop, SILENT_MS);
    try {
      for await (const { data } of readEvents(await this.#open(control.signal))) {
        clearTimeout(silence);
        silence = setTimeout(stop, SILENT_MS);
        if (data) this.#heard(JSON.parse(data));
      }
    } catch {
      // No stream, or it broke: whoever waits looks for itself.
    } finally {
      clearTimeout(silence);
      if (this.#stream === control) this.#hangUp();
    }
  }

  #hangUp() {
    this.#stream?.abort();
    this.#stream = null;
    this.#isListening = false;
    for (const bell of this.#bells) bell.ring();
  }

  /** @param {AbortSignal} signal @returns {Promise<ReadableStream<Uint8Array>>} */
  async #open(signal) {
    const headers = { Authorization: `Bearer ${await this.#api.tokens.get()}` };
    const answer = await fetch(`${this.#api.base}/events`, { headers, credentials: "omit", signal });
    if (!answer.ok || !answer.body) throw new VocaFuseError("refused", { status: answer.status });
    return answer.body;
  }

  /** @param {{type: string, voicenote_id?: string, voicenote: Note | null}} event */
  #heard(event) {
    // What has happened before was told to nobody.
    if (event.type === "ready") this.#isListening = true;
    for (const bell of this.#bells) {
      if (event.type === "ready" || bell.id === event.voicenote_id) bell.ring(event.voicenote);
    }
  }
}

/** Wakes one that waits for a note. */
class Bell {
  /** @type {Note | null} */
  #note = null;
  #hasRung = false;
  #wake = () => {};

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  /** @param {Note | null} [note] As it is now, where that is known. */
  ring(note = null) {
    this.#note = note;
    this.#hasRung = true;
    this.#wake();
  }

  /** Until it rings, or for so long. @param {number} ms @param {AbortSignal} [signal] @returns {Promise<Note | null>} */
  async rest(ms, signal) {
    if (!this.#hasRung) await this.#ringOr(ms, signal);
    if (signal?.aborted) throw new VocaFuseError("aborted");
    const note = this.#note;
    this.#note = null;
    this.#hasRung = false;
    return note;
  }

  /** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
  #ringOr(ms, signal) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
      signal?.addEventListener("abort", done);
      if (signal?.aborted) done();
    });
  }
}

/** @param {{code: string, message: string} | undefined} failure */
function failureError(failure) {
  const detail = failure?.message;
  if (failure?.code === "AUDIO_TOO_LONG") return new VocaFuseError("recording_too_long", { detail });
  if (failure?.code === "UNSUPPORTED_AUDIO") return new VocaFuseError("invalid_audio", { detail });
  return new VocaFuseError("transcription_failed", { detail });
}

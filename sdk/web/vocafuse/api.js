import { asVocaFuseError, refusal, VocaFuseError } from "./errors.js";
import { isOffline, retrying } from "./retries.js";

/** @import { Call } from "./types.js" */

const ANSWER_WITHIN_MS = 30_000;
const RENEW_BEFORE_S = 60;

/**
 * One request, whose answer is JSON.
 *
 * @param {string} url @param {RequestInit} init @param {AbortSignal} [signal] @returns {Promise<any>}
 */
async function fetchJson(url, init, signal) {
  const control = new AbortController();
  const stop = () => control.abort();
  const timer = setTimeout(stop, ANSWER_WITHIN_MS);
  signal?.addEventListener("abort", stop);
  try {
    if (signal?.aborted) stop();
    const response = await fetch(url, { ...init, signal: control.signal });
    const body = await response.json().catch((error) => {
      if (error instanceof SyntaxError) return null;
      throw error; // the line broke
    });
    if (!response.ok) throw refusal(response.status, body, response.headers.get("Retry-After"));
    return body;
  } catch (error) {
    throw signal?.aborted ? new VocaFuseError("aborted") : asVocaFuseError(error, "network");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** The tokens of one page: asked for once, and renewed before they expire. */
export class Tokens {
  /** @type {{text: string, renewAt: number} | null} */
  #token = null;
  /** @type {Promise<string> | null} */
  #asking = null;
  /** For whom they speak; recordings of others aren't shown. @type {string | null} */
  owner = null;
  #endpoint;
  #init;

  /** @param {string} endpoint @param {RequestInit} [init] */
  constructor(endpoint, init) {
    this.#endpoint = endpoint;
    this.#init = init;
  }

  /** @returns {Promise<string>} */
  async get() {
    if (this.#token && Date.now() < this.#token.renewAt) return this.#token.text;
    this.#asking ??= retrying(() => this.#ask()).finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** @param {string} refused A token that isn't valid any more. */
  forget(refused) {
    if (this.#token?.text === refused) this.#token = null;
  }

  async #ask() {
    const init = { method: "POST", ...this.#init };
    const answer = await fetchJson(this.#endpoint, init).catch((error) => {
      throw tokenError(error);
    });
    const text = answer?.data?.id_token;
    if (typeof text !== "string") throw new VocaFuseError("token_endpoint_invalid");
    const lifetime = Number(answer.data.expires_in) || 3600;
    this.#token = { text, renewAt: Date.now() + (lifetime - Math.min(RENEW_BEFORE_S, lifetime / 2)) * 1000 };
    this.owner = subjectOf(text);
    return text;
  }
}

/** @param {VocaFuseError} error */
function tokenError(error) {
  const offline = error.code === "network" && isOffline();
  if (offline || ["not_allowed", "quota"].includes(error.code)) return error;
  const code = error.temporary ? "token_endpoint_down" : "token_endpoint_invalid";
  return new VocaFuseError(code, { status: error.status, cause: error });
}

/** The `sub` of a token. @param {string} token */
export function subjectOf(token) {
  try {
    const claims = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(claims, (letter) => letter.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub);
  } catch {
    return null;
  }
}

/** The calls of the API that a token allows; no cookie goes with them. */
export class Api {
  /** @param {string} base @param {Tokens} tokens */
  constructor(base, tokens) {
    this.base = base;
    this.tokens = tokens;
  }

  /** @param {string} path @param {Call} [options] */
  async call(path, options = {}) {
    const token = await this.tokens.get();
    return this.#send(path, token, options).catch(async (error) => {
      if (error.status !== 401) throw error;
      this.tokens.forget(token);
      return this.#send(path, await this.tokens.get(), options);
    });
  }

  /** @param {string} path @param {string} token @param {Call} options */
  #send(path, token, { body, key, signal }) {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${token}` };
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const init = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) };
    return retrying(() => fetchJson(this.base + path, { ...init, credentials: "omit" }, signal), signal);
  }
}

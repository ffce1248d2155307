/** What can go wrong, each with the sentence that a user is told. */
const SENTENCES = {
  insecure_context: "Recording works on secure pages only. Open this page with https.",
  unsupported_browser: "This browser can't record. Use a current Chrome, Edge, Firefox or Safari.",
  microphone_denied: "The microphone is blocked. Allow it for this page in the browser's settings and try again.",
  microphone_missing: "No microphone was found. Connect one and try again.",
  microphone_busy: "The microphone is in use. Close other programs that record and try again.",
  recording_failed: "The browser stopped recording because of a fault. Try again.",
  recording_too_short: "That was too short to hear anything. Record a little longer.",
  recording_too_long: "That is longer than this service takes. Record a shorter note.",
  wrong_state: "That can't be done at the moment.",
  in_use: "This recording is open in another tab.",
  not_kept: "This recording isn't kept here any more.",
  token_endpoint_down: "Signing in for recording failed because our server can't be reached. Try again later.",
  token_endpoint_invalid: "Signing in for recording failed because of a fault on our side. Try again later.",
  not_allowed: "You aren't allowed to do this. Sign in again.",
  network: "The connection was lost. Check it and try again.",
  page_closed: "The page was closed before this recording had been sent.",
  quota: "Too much was asked for at once. Wait a moment and try again.",
  too_large: "The recording is too large for this service. Record a shorter one.",
  invalid_audio: "The service can't read this recording.",
  server: "The service has a problem. Try again in a moment.",
  refused: "The service refused this.",
  transcription_failed: "This recording couldn't be transcribed.",
  transcription_timeout: "The text is taking longer than usual. Look again in a moment.",
  aborted: "Cancelled.",
};
const TEMPORARY = new Set(["network", "server", "quota", "token_endpoint_down"]);

/** @typedef {keyof typeof SENTENCES} ErrorCode */

/** @import { Details } from "./types.js" */

/** The one error of this library: `code` for programs, `message` for people. */
export class VocaFuseError extends Error {
  /** @param {ErrorCode} code @param {Details} [details] */
  constructor(code, details = {}) {
    super(SENTENCES[code], { cause: details.cause });
    this.name = "VocaFuseError";
    this.code = code;
    this.status = details.status;
    this.detail = details.detail;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
    this.keptId = details.keptId;
  }

  /** Whether the same may work later. */
  get temporary() {
    return TEMPORARY.has(this.code);
  }
}

/** @param {unknown} error @param {ErrorCode} code What it is if it isn't ours. */
export function asVocaFuseError(error, code) {
  return error instanceof VocaFuseError ? error : new VocaFuseError(code, { cause: error });
}

/** @type {Record<number, ErrorCode>} */
const OF_STATUS = { 401: "not_allowed", 403: "not_allowed", 413: "too_large", 429: "quota", 408: "server" };
const UNSUPPORTED_AUDIO = 2005;

/**
 * @param {number} status
 * @param {any} body The answer's JSON, if it was any.
 * @param {string | null} retryAfter
 */
export function refusal(status, body, retryAfter) {
  const told = body?.error ?? {};
  // A conflict that says when to come back: an earlier try of this call is still under way.
  const server = status >= 500 || (status === 409 && retryAfter);
  const ofBody = told.code === UNSUPPORTED_AUDIO ? "invalid_audio" : "refused";
  return new VocaFuseError(server ? "server" : (OF_STATUS[status] ?? ofBody), {
    status,
    detail: told.message,
    requestId: told.request_id,
    retryAfter: Number(retryAfter) || undefined,
  });
}

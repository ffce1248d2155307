import { capitalized } from "./format.js";
import { end, ROOT, token } from "./session.js";

/** What fields are called here. @type {Record<string, string>} */
const FIELDS = { url: "The address" };

/** What went wrong, as a sentence for people. */
export class CallError extends Error {
  /** @param {string} message @param {number} [status] */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @typedef {object} Note
 * @property {string} id
 * @property {string} title
 * @property {string} status
 * @property {string[]} tags
 * @property {string} original_filename
 * @property {string | null} audio_format
 * @property {number | null} duration_seconds
 * @property {number | null} file_size_bytes
 * @property {string | null} upload_source
 * @property {string | null} user_id
 * @property {string} created_at
 * @property {{code: string, message: string}} [failure]
 * @property {Match} [match]
 */
/** @typedef {{text: string, hit: boolean}[]} Parts */
/** @typedef {{title: Parts | null, snippet: Parts | null, start_time: number | null}} Match */
/** @typedef {{word: string, start_time: number, end_time: number, confidence: number}} Word */
/** @typedef {{start: number, end: number, text: string}} Segment */
/**
 * @typedef {object} Transcription
 * @property {string} text
 * @property {string | null} language
 * @property {number} confidence
 * @property {string} model
 * @property {number} processing_duration_ms
 * @property {Word[]} words
 * @property {Segment[]} segments
 */
/** @typedef {{method?: string, body?: object, query?: Record<string, string | number | undefined>, signal?: AbortSignal}} Options */

/** @param {string} path @param {Options} [options] @returns {Promise<Response>} */
export async function request(path, { method = "GET", body, query = {}, signal } = {}) {
  const url = new URL(`v1${path}`, ROOT);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token()}` };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body) }).catch((error) => {
    throw error.name === "AbortError" ? error : new CallError("The server can't be reached. Try again in a moment.");
  });
  if (answer.ok) return answer;
  if (answer.status === 401) end();
  const told = await answer.json().catch(() => null);
  throw new CallError(sentence(answer.status, told?.error), answer.status);
}

/** @param {number} status @param {{message?: string, details?: {field?: string, reason?: string}} | undefined} error */
function sentence(status, error) {
  if (status === 401) return "You have been signed out. Sign in again.";
  if (status === 403) return "Your API key doesn't allow this.";
  if (status === 429) return "Too much was asked for at once. Wait a moment and try again.";
  const { field, reason } = error?.details ?? {};
  if (field && reason) return `${FIELDS[field] ?? capitalized(field.replaceAll("_", " "))} ${reason}.`;
  return error?.message ?? "The server has a problem. Try again in a moment.";
}

/** @param {string} path @param {Options} [options] @returns {Promise<any>} */
export async function call(path, options) {
  const answer = await request(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** @param {{page?: number, limit?: number, q?: string, signal?: AbortSignal}} wanted @returns {Promise<{voicenotes: Note[], total: number}>} */
export const listNotes = ({ page = 0, limit = 50, q, signal }) =>
  call("/voicenotes", { query: { page, limit, q, sort: q ? "relevance" : undefined }, signal });

/** @param {string} id @returns {Promise<Note>} */
export const getNote = (id) => call(`/voicenotes/${id}`);

/** @param {string} id @returns {Promise<Transcription>} */
export async function getTranscription(id) {
  const found = await call(`/voicenotes/${id}/transcription`);
  return { ...found, words: JSON.parse(found.words) };
}

/** @param {string} id @param {{title?: string, tags?: string[]}} changes @returns {Promise<Note>} */
export const updateNote = (id, changes) => call(`/voicenotes/${id}`, { method: "PATCH", body: changes });

/** @param {string} id @param {number} undoSeconds */
export const deleteNote = (id, undoSeconds) =>
  call(`/voicenotes/${id}`, { method: "DELETE", query: { undo_seconds: undoSeconds } });

/** @param {string} id @returns {Promise<Note>} */
export const restoreNote = (id) => call(`/voicenotes/${id}/restore`, { method: "POST" });

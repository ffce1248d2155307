/** Who is signed in: a token for an hour, in this tab alone. The secret is never kept. */

/** The folder that the page is in, also behind a proxy. */
export const ROOT = new URL("..", import.meta.url);
const KEPT = "vocafuse-session";
const EXTEND_BEFORE_MS = 20 * 60_000;

/** @typedef {{token: string, expiresAt: number, scopes: string[]}} Session */

/** @type {Session | null} */
let current = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** What to do when it has ended by itself. @type {() => void} */
let ended = () => {};

export const token = () => current?.token ?? null;
/** @param {string} scope */
export const may = (scope) => current?.scopes.includes(scope) ?? false;

/** @param {() => void} listener */
export function onEnd(listener) {
  ended = listener;
}

/** What signing in came to: an error has a sentence for people. @param {Record<string, string>} headers */
async function open(headers, path = "console/session") {
  const answer = await fetch(new URL(path, ROOT), { method: "POST", headers }).catch(() => null);
  if (!answer) throw new Error("The server can't be reached. Is it running?");
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(refusal(answer.status, body?.error), { cause: answer.status });
  return body;
}

/** @param {number} status @param {{code: number, message: string} | undefined} error */
function refusal(status, error) {
  if (error?.code === 1003)
    return "This key and secret don't open an account. Check both, and that the key wasn't revoked.";
  if (status === 429) return "Too many tries. Wait a moment and try again.";
  return error?.message ?? "The server has a problem. Try again in a moment.";
}

/** @param {string} apiKey @param {string} apiSecret */
export async function signIn(apiKey, apiSecret) {
  if (/[^\x21-\x7e]/.test(apiKey + apiSecret)) throw new Error(refusal(401, { code: 1003, message: "" }));
  keep(await open({ "X-VocaFuse-API-Key": apiKey, "X-VocaFuse-API-Secret": apiSecret }));
}

/** @param {string} code Of a link that signs in once. */
export async function signInByLink(code) {
  const { id_token } = await open({ "X-Sign-In-Code": code }, "console/session/link");
  keep(await open({ Authorization: `Bearer ${id_token}` }));
}

/** Lets it last. A server that is away for a moment ends nothing. */
export async function extend() {
  if (!current) return;
  try {
    keep(await open({ Authorization: `Bearer ${current.token}` }));
  } catch (error) {
    if (error instanceof Error && error.cause === 401) end();
    else schedule();
  }
}

/** @param {{data: {id_token: string, expires_in: number, scopes: string[]}}} body */
function keep({ data }) {
  current = { token: data.id_token, expiresAt: Date.now() + data.expires_in * 1000, scopes: data.scopes };
  sessionStorage.setItem(KEPT, JSON.stringify(current));
  schedule();
}

export function schedule() {
  clearTimeout(timer);
  if (!current) return;
  const waitMs = Math.max(60_000, current.expiresAt - EXTEND_BEFORE_MS - Date.now());
  timer = setTimeout(() => void extend(), waitMs);
}

/** It has ended: signed out elsewhere, too old, or its key was revoked. */
export function end() {
  if (!current) return;
  forget();
  ended();
}

function forget() {
  clearTimeout(timer);
  current = null;
  sessionStorage.clear();
}

export async function signOut() {
  const headers = { Authorization: `Bearer ${token()}` };
  await fetch(new URL("console/session", ROOT), { method: "DELETE", headers }).catch(() => {});
  forget();
}

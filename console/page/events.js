import { end, ROOT, token } from "./session.js";

/** @import { Note } from "./api.js" */
/** @typedef {{type: string, voicenote_id: string, voicenote: Note | null, resumed?: boolean}} NoteEvent */

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;

/**
 * Follows what happens to notes, through broken lines and restarts, until told to stop.
 *
 * @param {(event: NoteEvent) => void} onEvent @param {AbortSignal} signal
 */
export async function follow(onEvent, signal) {
  let last = "";
  let waitMs = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      /** @type {Record<string, string>} */
      const headers = { Authorization: `Bearer ${token()}` };
      if (last) headers["Last-Event-ID"] = last;
      const answer = await fetch(new URL("v1/events", ROOT), { headers, signal });
      if (answer.status === 401) return end();
      if (answer.ok && answer.body) {
        waitMs = FIRST_WAIT_MS;
        for await (const block of blocks(answer.body)) {
          last = block.id ?? last;
          if (block.data) onEvent(JSON.parse(block.data));
        }
      }
    } catch {
      // The line broke; the next try goes on where this one was.
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
  }
}

/** @param {ReadableStream<Uint8Array>} body @returns {AsyncGenerator<Record<string, string>>} */
async function* blocks(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let text = "";
  for (let part; !(part = await reader.read()).done;) {
    const whole = (text + part.value).split("\n\n");
    text = whole.pop() ?? "";
    for (const block of whole) yield fields(block);
  }
}

/** @param {string} block @returns {Record<string, string>} */
export function fields(block) {
  return Object.fromEntries(
    block.split("\n").flatMap((line) => {
      const colon = line.indexOf(": ");
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 2)]] : [];
    }),
  );
}

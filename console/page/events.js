import { readEvents } from "../sdk/vocafuse/events.js";
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
        for await (const { id, data } of readEvents(answer.body)) {
          last = id ?? last;
          if (data) onEvent(JSON.parse(data));
        }
      }
    } catch {
      // The line broke; the next try goes on where this one was.
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
  }
}

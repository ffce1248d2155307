import { getTranscription, updateNote } from "./api.js";
import { firstWords } from "./format.js";

/** @import { NoteEvent } from "./events.js" */

const BY_TIME = /^Voice Note [-0-9]{10} [0-9:]{8}$/;

/** Notes made in this page that wait for a title, and what they are called if nothing was said. @type {Map<string, string | null>} */
const waiting = new Map();

/** @param {string} id @param {string | null} otherwise */
export function expectTitle(id, otherwise) {
  waiting.set(id, otherwise);
}

/** Gives a note that was made here a title that says more than its time, unless somebody has. @param {NoteEvent} event */
export async function nameNote({ voicenote_id: id, voicenote: note }) {
  const otherwise = waiting.get(id);
  if (otherwise === undefined || note?.status !== "transcribed") return;
  waiting.delete(id);
  if (!BY_TIME.test(note.title)) return;
  const title = firstWords((await getTranscription(id)).text) || otherwise?.slice(0, 255);
  if (title) await updateNote(id, { title });
}

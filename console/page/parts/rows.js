import { h } from "../dom.js";
import { clock, dateAndTime, day, moment, timeOfDay, timeOrDate } from "../format.js";

/** @import { Note, Parts } from "../api.js" */

const STATUS = { created: "Waiting", processing: "Transcribing", transcribed: "", failed: "Failed" };

/** Hits are in the order of their worth; else notes stand under their days. @param {Note[]} notes @param {boolean} isSearch */
export function groups(notes, isSearch) {
  if (isSearch) return [h("ul", { class: "rows", "aria-label": "Hits" }, notes.map(row))];
  const days = Map.groupBy(notes, ({ created_at }) => day(moment(created_at)));
  return [...days].map(([name, ofDay]) =>
    h("section", { "aria-label": name }, h("h2", {}, name), h("ul", { class: "rows" }, ofDay.map(row))),
  );
}

/** @param {Note} note */
export function row(note) {
  const { match } = note;
  const at = moment(note.created_at);
  const hitAt = match?.start_time ?? null;
  const status = STATUS[/** @type {keyof typeof STATUS} */ (note.status)];
  const href = `#/notes/${note.id}${hitAt === null ? "" : `?t=${hitAt}`}`;
  return h(
    "li",
    { id: `note-${note.id}`, class: `row is-${note.status}` },
    h(
      "a",
      { href },
      h("span", { class: "dot", "aria-hidden": "true" }),
      h(
        "span",
        { class: "row-words" },
        h("span", { class: "row-title" }, match?.title ? marked(match.title) : note.title),
        match?.snippet &&
          h(
            "span",
            { class: "snippet" },
            hitAt !== null && h("span", { class: "hit-time" }, clock(hitAt)),
            marked(match.snippet),
          ),
      ),
      h(
        "span",
        { class: "row-tags" },
        note.tags.slice(0, 3).map((tag) => h("span", { class: "tag" }, tag)),
      ),
      status && h("span", { class: `badge is-${note.status}` }, status),
      h("span", { class: "row-length" }, note.duration_seconds === null ? "" : clock(note.duration_seconds)),
      h("time", { datetime: at.toISOString(), title: dateAndTime(at) }, match ? timeOrDate(at) : timeOfDay(at)),
    ),
  );
}

/** @param {Parts} parts */
const marked = (parts) => parts.map(({ text, hit }) => (hit ? h("mark", {}, text) : text));

/** @param {string} words */
export function nothing(words) {
  if (words)
    return h(
      "div",
      { class: "empty" },
      h("h2", {}, "Nothing found"),
      h("p", {}, `No title and no transcript has “${words}”.`),
    );
  return h(
    "div",
    { class: "empty" },
    h("h2", {}, "Say something"),
    h(
      "p",
      {},
      "Your first note will be here a second after you stop. Press the big button, the key ",
      h("kbd", {}, "r"),
      ", or drop a file.",
    ),
  );
}

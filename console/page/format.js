/** E.g. `1:05` or `1:01:05`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60) % 60;
  const tail = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** The wire's times are UTC without a zone. @param {string} wire */
export const moment = (wire) => new Date(/Z$|[+-]\d\d:\d\d$/.test(wire) ? wire : `${wire}Z`);

/** @param {Date} at */
export const timeOfDay = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** @param {Date} at */
export const dateAndTime = (at) => at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

/** @param {Date} at */
const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

/** `Today`, `Yesterday`, else the date. @param {Date} at @param {Date} [now] */
export function day(at, now = new Date()) {
  const daysAgo = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (daysAgo === 0) return "Today";
  if (daysAgo === 1) return "Yesterday";
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year });
}

/** Where no heading says the day: the time of what is from today, else the date. @param {Date} at @param {Date} [now] */
export function timeOrDate(at, now = new Date()) {
  if (midnight(at) === midnight(now)) return timeOfDay(at);
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return at.toLocaleDateString([], { day: "numeric", month: "short", year });
}

/** @param {string | null} wire */
export const dateOrNever = (wire) => (wire ? dateAndTime(moment(wire)) : "Never");

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const at = bytes ? Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  return `${(bytes / 1000 ** at).toLocaleString([], { maximumFractionDigits: at ? 1 : 0 })} ${units[at]}`;
}

/** @param {number} count @param {string} noun @param {string} [many] */
export const plural = (count, noun, many = `${noun}s`) => `${count.toLocaleString()} ${count === 1 ? noun : many}`;

/** @param {string} word */
export const capitalized = (word) => word.slice(0, 1).toUpperCase() + word.slice(1);

/** The first words of a text, as a title. @param {string} text @param {number} [atMost] */
export function firstWords(text, atMost = 64) {
  const sentence = text.trim().split(/(?<=[.!?。！？])\s*/u)[0] ?? "";
  if (sentence.length <= atMost) return sentence.replace(/[.。]$/u, "");
  const cut = sentence.slice(0, atMost);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), 24)).replace(/[,;:\s]+$/u, "")}…`;
}

/** What to search for while somebody types: the last word may not be at its end yet. @param {string} typed */
export function asTyped(typed) {
  const words = typed.trim();
  return (/[\p{L}\p{N}]$/u.test(typed) ? `${words}*` : words) || undefined;
}

/** What can be transcribed: Whisper's codes. */
const CODES =
  "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh";

/** Whisper's old code for Javanese. @type {Record<string, string>} */
const TODAY = { jw: "jv" };

/** In the order of their names, in the reader's language. @returns {{code: string, name: string}[]} */
export function languages() {
  const names = new Intl.DisplayNames(undefined, { type: "language" });
  return CODES.split(" ")
    .map((code) => ({ code, name: names.of(TODAY[code] ?? code) ?? code }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

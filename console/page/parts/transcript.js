import { h } from "../dom.js";
import { clock } from "../format.js";

/** @import { Transcription, Word } from "../api.js" */

const DOUBTFUL_BELOW = 0.5;
const PAUSE_S = 1.2;
const LONG_PARAGRAPH_WORDS = 60;
/** Scripts that are written without spaces. */
const JOINED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]$/u;

/** The text, word by word in step with the audio. */
export class Transcript {
  /** @type {HTMLElement[]} */
  #spans = [];
  #words;
  #now = -1;
  #caret = -1;

  /** @param {Transcription} transcription @param {(seconds: number) => void} onSeek */
  constructor(transcription, onSeek) {
    this.#words = transcription.words;
    this.onSeek = onSeek;
    this.hasDoubts = this.#words.some(({ confidence }) => confidence < DOUBTFUL_BELOW);
    this.element = h(
      "div",
      {
        class: "transcript",
        tabindex: "0",
        role: "group",
        "aria-label": "Transcript. Arrow keys move from word to word, Enter plays from there.",
        onclick: (/** @type {MouseEvent} */ event) => this.#clicked(event),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
        onblur: () => this.#moveCaret(-1),
      },
      this.#words.length
        ? paragraphs(this.#words).map((words) => this.#paragraph(words))
        : h("p", {}, transcription.text || "Nothing was said."),
    );
  }

  /** @param {Word[]} words */
  #paragraph(words) {
    const first = words[0]?.start_time ?? 0;
    const start = h(
      "button",
      { type: "button", class: "stamp", "aria-label": `Play from ${clock(first)}`, onclick: () => this.onSeek(first) },
      clock(first),
    );
    return h(
      "div",
      { class: "paragraph" },
      start,
      h(
        "p",
        {},
        words.flatMap((word) => this.#word(word)),
      ),
    );
  }

  /** @param {Word} word @returns {(HTMLElement | string)[]} */
  #word({ word, confidence }) {
    const isDoubtful = confidence < DOUBTFUL_BELOW;
    const title = isDoubtful ? `The model is ${Math.round(confidence * 100)} % sure of this word` : null;
    const span = h(
      "span",
      { class: isDoubtful ? "word is-doubtful" : "word", "data-at": this.#spans.length, title },
      word,
    );
    this.#spans.push(span);
    return JOINED.test(word) ? [span] : [span, " "];
  }

  /** Marks the word that is said now. @param {number} seconds */
  follow(seconds) {
    const at = wordAt(this.#words, seconds);
    if (at === this.#now) return;
    this.#spans[this.#now]?.classList.remove("is-now");
    this.#spans[at]?.classList.add("is-now");
    this.#now = at;
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const at = /** @type {HTMLElement} */ (event.target).dataset.at;
    const word = at === undefined ? undefined : this.#words[Number(at)];
    if (word && !String(getSelection())) this.onSeek(word.start_time);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.target !== this.element) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const word = this.#words[this.#caret];
    if (by)
      this.#moveCaret(Math.min(Math.max((this.#caret < 0 ? this.#now : this.#caret) + by, 0), this.#words.length - 1));
    else if (event.key === "Enter" && word) this.onSeek(word.start_time);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} at */
  #moveCaret(at) {
    this.#spans[this.#caret]?.classList.remove("is-caret");
    this.#spans[at]?.classList.add("is-caret");
    this.#spans[at]?.scrollIntoView({ block: "nearest" });
    this.#caret = at;
  }
}

/** Which word is said, or was said last; -1 before the first. @param {Word[]} words @param {number} seconds */
export function wordAt(words, seconds) {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle]?.start_time ?? 0) <= seconds + 0.01) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A new paragraph after a pause, or after a sentence when there was none for long. @param {Word[]} words */
export function paragraphs(words) {
  /** @type {Word[][]} */
  const found = [];
  for (const word of words) {
    const last = found.at(-1);
    const before = last?.at(-1);
    const isPause = before && word.start_time - before.end_time > PAUSE_S;
    const isLong = last && before && last.length >= LONG_PARAGRAPH_WORDS && /[.!?。！？]$/u.test(before.word);
    if (!last || isPause || isLong) found.push([word]);
    else last.push(word);
  }
  return found;
}

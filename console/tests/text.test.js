import assert from "node:assert/strict";
import { test } from "node:test";
import { asTyped, clock, day, firstWords, moment, size, timeOrDate } from "../page/format.js";
import { paragraphs, wordAt } from "../page/parts/transcript.js";

/** @param {string} word @param {number} start_time */
const at = (word, start_time) => ({ word, start_time, end_time: start_time + 0.3, confidence: 0.9 });

test("seconds are a clock", () => {
  assert.deepEqual([0, 59.9, 60, 3661, -1].map(clock), ["0:00", "0:59", "1:00", "1:01:01", "0:00"]);
});

test("the wire's times are UTC", () => {
  assert.equal(moment("2026-01-01T12:00:00").toISOString(), "2026-01-01T12:00:00.000Z");
  assert.equal(moment("2026-01-01T12:00:00+02:00").toISOString(), "2026-01-01T10:00:00.000Z");
});

test("days have the names that people give them", () => {
  const now = new Date(2026, 2, 14, 0, 5);
  assert.equal(day(new Date(2026, 2, 14, 0, 1), now), "Today");
  assert.equal(day(new Date(2026, 2, 13, 23, 59), now), "Yesterday");
  assert.match(day(new Date(2026, 2, 1), now), /1/);
});

test("a hit of today has its time, an older one its date", () => {
  const now = new Date(2026, 2, 14, 18, 5);
  assert.match(timeOrDate(new Date(2026, 2, 14, 9, 7), now), /9:07/);
  assert.match(timeOrDate(new Date(2026, 2, 13, 23, 59), now), /13/);
  assert.match(timeOrDate(new Date(2025, 2, 13), now), /2025/);
});

test("sizes are short", () => {
  assert.deepEqual([0, 999, 1500, 26_214_400].map(size), ["0 B", "999 B", "1.5 kB", "26.2 MB"]);
});

test("the word that is typed may go on", () => {
  assert.deepEqual([" ", "hel", "say hel", '"say hel', "hello ", "hello?", "über "].map(asTyped), [
    undefined,
    "hel*",
    "say hel*",
    '"say hel*',
    "hello",
    "hello?",
    "über",
  ]);
});

test("a title is the first sentence, or its first words", () => {
  assert.equal(firstWords("Buy bread. And milk."), "Buy bread");
  assert.equal(firstWords("What now? Nothing."), "What now?");
  assert.equal(firstWords("希望你以后能够做的比我还好呦。好。"), "希望你以后能够做的比我还好呦");
  assert.equal(firstWords(" "), "");
  const long = firstWords("one two three four, ".repeat(9));
  assert.ok(long.length <= 65 && long.endsWith("…") && !long.endsWith(",…"), long);
});

test("the word that is said is found", () => {
  const words = [at("one", 0.5), at("two", 1), at("three", 3)];
  assert.deepEqual([0, 0.5, 0.99, 2.9, 3, 60].map((seconds) => wordAt(words, seconds)), [-1, 0, 1, 1, 2, 2]);
  assert.equal(wordAt([], 1), -1);
});

test("a pause begins a paragraph, and so does a sentence after many words", () => {
  assert.deepEqual(
    paragraphs([at("one", 0), at("two", 0.4), at("three", 4)]).map((words) => words.length),
    [2, 1],
  );
  const many = Array.from({ length: 100 }, (_, number) => at(number % 10 === 9 ? "end." : "word", number * 0.4));
  assert.deepEqual(
    paragraphs(many).map((words) => words.length),
    [60, 40],
  );
});

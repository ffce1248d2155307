import { call } from "../api.js";
import { h, svg } from "../dom.js";
import { clock, plural, size } from "../format.js";
import { accountPage, tableOf } from "../parts/account-page.js";

/** @typedef {{date: string, voicenotes_count: number, total_duration_seconds: number, storage_used_bytes: number}} Day */
/** @typedef {{label: string, of: (day: Day) => number, show: (value: number) => string}} Figure */

const WIDTH = 720;
const HEIGHT = 180;
const FOOT = 22;
const RANGES = [30, 90, 365];
/** @type {Figure[]} */
const FIGURES = [
  { label: "Notes", of: (day) => day.voicenotes_count, show: (value) => value.toLocaleString() },
  { label: "Speech", of: (day) => day.total_duration_seconds, show: clock },
  { label: "Storage", of: (day) => day.storage_used_bytes, show: size },
];

export function usagePage() {
  const select = h(
    "select",
    { id: "range" },
    RANGES.map((days) => h("option", { value: days }, `Last ${days} days`)),
  );
  return accountPage({
    title: "Usage",
    control: (reload) => {
      select.addEventListener("change", () => void reload());
      return h("div", {}, h("label", { for: "range", class: "sr-only" }, "Days"), select);
    },
    draw: async () => {
      const { days } = await call("/account/usage", { query: { days: Number(select.value) } });
      return [totals(days), ...FIGURES.map((figure) => chart(days, figure)), dayByDay(days)];
    },
  });
}

/** @param {Day[]} days @param {Figure["of"]} of */
const sum = (days, of) => days.reduce((total, day) => total + of(day), 0);

/** @param {Day[]} days */
function totals(days) {
  return h(
    "dl",
    { class: "totals" },
    FIGURES.map(({ label, of, show }) => h("div", {}, h("dt", {}, label), h("dd", {}, show(sum(days, of))))),
  );
}

/** @param {Day[]} days @param {Figure} figure */
function chart(days, { label, of, show }) {
  const most = Math.max(...days.map(of), 0);
  const step = WIDTH / days.length;
  const gap = Math.min(4, step * 0.25);
  const tall = HEIGHT - FOOT;
  const bars = days.map((day, at) => {
    const height = most ? Math.max((of(day) / most) * (tall - 8), of(day) ? 2 : 0) : 0;
    return svg(
      "rect",
      {
        class: "bar",
        x: (at * step + gap / 2).toFixed(2),
        y: (tall - height).toFixed(2),
        width: (step - gap).toFixed(2),
        height: height.toFixed(2),
        rx: Math.min(3, step / 4),
      },
      svg("title", {}, `${named(day.date)}: ${show(of(day))}`),
    );
  });
  const ticks = [0, Math.floor((days.length - 1) / 2), days.length - 1].map((at, place) =>
    svg(
      "text",
      {
        class: "tick",
        x: [0, WIDTH / 2, WIDTH][place],
        y: HEIGHT - 4,
        "text-anchor": ["start", "middle", "end"][place],
      },
      named(days[at]?.date ?? ""),
    ),
  );
  const told = `${label} by day, ${plural(days.length, "day")}; at most ${show(most)} a day, ${show(sum(days, of))} in all. The table below has each day.`;
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("span", {}, `${label} by day`), h("span", { class: "hint" }, `most: ${show(most)}`)),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": told },
      svg("line", { class: "base", x1: 0, x2: WIDTH, y1: tall, y2: tall }),
      bars,
      ticks,
    ),
  );
}

/** @param {string} date */
const named = (date) =>
  new Date(`${date}T12:00:00Z`).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });

/** @param {Day[]} days */
function dayByDay(days) {
  const rows = days.toReversed().map((day) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, named(day.date)),
      FIGURES.map(({ of, show }) => h("td", { class: "number" }, show(of(day)))),
    ),
  );
  const heads = ["Day", ...FIGURES.map(({ label }) => label)];
  return h(
    "details",
    { class: "log" },
    h("summary", {}, "Day by day"),
    tableOf("Usage, day by day", heads, rows),
  );
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const MAX_BYTES = 20_000;
const ENTRY = new URL("../vocafuse.js", import.meta.url);

/** What a page loads with a module: itself, and all that it imports at once. @param {URL} module @param {Map<string, number>} sizes */
function loadedWith(module, sizes = new Map()) {
  if (sizes.has(module.href)) return sizes;
  const source = readFileSync(module, "utf8");
  sizes.set(module.href, Buffer.byteLength(source));
  for (const [, path] of source.matchAll(/^(?:import|export) .*from "(.+)";$/gm)) loadedWith(new URL(path ?? "", module), sizes);
  return sizes;
}

test("what a page loads at first is under 20 kB of source", () => {
  const sizes = loadedWith(ENTRY);
  const bytes = [...sizes.values()].reduce((sum, one) => sum + one, 0);
  assert.ok(bytes < MAX_BYTES, `${bytes} bytes in ${[...sizes.keys()].join(", ")}`);
  const names = [...sizes.keys()].map((href) => href.split("/").at(-1)).sort();
  assert.deepEqual(names, ["api.js", "errors.js", "recorder.js", "retries.js", "support.js", "vocafuse.js"]);
});

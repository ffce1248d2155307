import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { Api, subjectOf, Tokens } from "../vocafuse/api.js";
import { refusal, VocaFuseError } from "../vocafuse/errors.js";
import { levelOf, microphoneError } from "../vocafuse/microphone.js";
import { backoff, load, pause, retrying } from "../vocafuse/retries.js";
import { bestType } from "../vocafuse/support.js";
import { formatOf } from "../vocafuse/uploads.js";

/** @param {object} claims */
const tokenOf = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.signature`;

test("the user of a token is read, in any script", () => {
  assert.equal(subjectOf(tokenOf({ sub: "usér 用户>>>???" })), "usér 用户>>>???");
});

test("what is no token speaks for nobody", () => {
  for (const text of ["", "abc", "a.b.c", "a.!!.c"]) assert.equal(subjectOf(text), null, text);
});

test("each browser's best type is taken", () => {
  const chromium = (/** @type {string} */ type) => type.startsWith("audio/webm") || type.startsWith("audio/mp4");
  const oldFirefox = (/** @type {string} */ type) => type.startsWith("audio/ogg");
  const oldSafari = (/** @type {string} */ type) => type === "audio/mp4";
  assert.equal(bestType(chromium), "audio/webm;codecs=opus");
  assert.equal(bestType(oldFirefox), "audio/ogg;codecs=opus");
  assert.equal(bestType(oldSafari), "audio/mp4");
  assert.equal(bestType(() => false), undefined);
});

test("the format is the type without its codec", () => {
  assert.equal(formatOf("audio/webm;codecs=opus"), "webm");
  assert.equal(formatOf("audio/mp4"), "mp4");
  assert.equal(formatOf(""), "audio");
});

test("the meter goes from silence to full scale", () => {
  assert.equal(levelOf(new Float32Array(64)), 0);
  assert.equal(levelOf(new Float32Array(64).fill(0.0001)), 0);
  assert.equal(levelOf(new Float32Array(64).fill(1)), 1);
  const speech = levelOf(new Float32Array(64).fill(0.1));
  assert.ok(Math.abs(speech - 2 / 3) < 1e-6, String(speech));
});

test("what the API refuses has a code and its words", () => {
  const told = { error: { code: 2004, message: "Too large.", request_id: "req_1" } };
  const error = refusal(413, told, null);
  assert.deepEqual([error.code, error.detail, error.requestId, error.temporary], ["too_large", "Too large.", "req_1", false]);
  assert.equal(refusal(400, { error: { code: 2005 } }, null).code, "invalid_audio");
  assert.equal(refusal(400, { error: { code: 2003 } }, null).code, "refused");
  assert.equal(refusal(401, null, null).code, "not_allowed");
  assert.equal(refusal(403, "<html>", null).code, "not_allowed");
  assert.equal(refusal(409, null, null).code, "refused");
  assert.equal(refusal(409, null, "1").code, "server");
  assert.equal(refusal(503, null, null).code, "server");
  const later = refusal(429, null, "7");
  assert.deepEqual([later.code, later.retryAfter, later.temporary], ["quota", 7, true]);
  assert.equal(refusal(429, null, "Wed, 21 Oct 2026 07:28:00 GMT").retryAfter, undefined);
});

test("what a browser says of its microphone is told in our codes", () => {
  /** @param {string} name */
  const codeOf = (name) => microphoneError(new DOMException("", name)).code;
  assert.equal(codeOf("NotAllowedError"), "microphone_denied");
  assert.equal(codeOf("NotFoundError"), "microphone_missing");
  assert.equal(codeOf("NotReadableError"), "microphone_busy");
  assert.equal(codeOf("Other"), "recording_failed");
});

test("every error has a sentence", () => {
  assert.match(new VocaFuseError("network").message, /^The connection was lost\./);
});

test("waits grow, spread, and end at ten seconds", () => {
  assert.equal(backoff(1, () => 0), 400);
  assert.equal(backoff(1, () => 1), 800);
  assert.equal(backoff(2, () => 1), 1600);
  assert.equal(backoff(40, () => 1), 10_000);
});

test("what may pass is tried four times, anything else once", async () => {
  /** @param {VocaFuseError} error */
  const waitsOf = async (error) => {
    /** @type {number[]} */
    const waits = [];
    const attempt = () => Promise.reject(error);
    await assert.rejects(retrying(attempt, undefined, async (ms) => void waits.push(ms)), error);
    return waits;
  };
  assert.equal((await waitsOf(new VocaFuseError("network"))).length, 3);
  assert.deepEqual(await waitsOf(new VocaFuseError("quota", { retryAfter: 5 })), [5000, 5000, 5000]);
  assert.deepEqual(await waitsOf(new VocaFuseError("quota", { retryAfter: 50 })), []);
  assert.deepEqual(await waitsOf(new VocaFuseError("too_large")), []);
});

test("a wait ends when it is aborted", async () => {
  const control = new AbortController();
  const waiting = pause(60_000, control.signal);
  control.abort();
  await assert.rejects(waiting, { code: "aborted" });
  await assert.rejects(pause(60_000, control.signal), { code: "aborted" });
});

test("a part of the library that can't be fetched is a lost connection", async () => {
  let waits = 0;
  const loading = load(() => import("./nothing.js"), async () => void (waits += 1));
  await assert.rejects(loading, { name: "VocaFuseError", code: "network" });
  assert.equal(waits, 3);
});

test("an answer that breaks off is asked for again", async () => {
  const bodies = ['{"id": ', '{"id": "n"}'];
  const server = createServer((request, response) => {
    const token = JSON.stringify({ data: { id_token: "t" } });
    const body = request.url === "/token" ? token : (bodies.shift() ?? "");
    response.writeHead(200, { "Content-Length": body.endsWith("}") ? body.length : 100 });
    response.write(body, () => (body.endsWith("}") ? response.end() : response.destroy()));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const base = `http://127.0.0.1:${port}`;
  assert.deepEqual(await new Api(base, new Tokens(`${base}/token`)).call("/voicenotes/n"), { id: "n" });
  server.close();
  server.closeAllConnections();
});

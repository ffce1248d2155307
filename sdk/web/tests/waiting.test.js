import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, beforeEach, test } from "node:test";
import { Api, Tokens } from "../vocafuse/api.js";
import { fieldsOf, readEvents } from "../vocafuse/events.js";
import { Waiting } from "../vocafuse/waiting.js";

const NOTE = { id: "note", status: "processing" };
const WORDS = [{ word: "Hello", start_time: 0, end_time: 0.4, confidence: 0.9 }];

/** What the server does, and what it was asked for. */
const scene = {
  note: NOTE,
  /** How it answers who wants to listen. @type {(response: import("node:http").ServerResponse) => void} */
  onListen: () => {},
  /** @type {string[]} */
  asked: [],
};

const server = createServer((request, response) => {
  const json = (/** @type {object} */ body) => response.end(JSON.stringify(body));
  response.setHeader("Connection", "close");
  if (request.url === "/token") return json({ data: { id_token: "token", expires_in: 60 } });
  scene.asked.push(String(request.url));
  assert.equal(request.headers.authorization, "Bearer token");
  if (request.url === "/v1/events") return scene.onListen(response);
  if (request.url === "/v1/voicenotes/note") return json(scene.note);
  return json({ text: "Hello", language: "english", confidence: 0.9, words: JSON.stringify(WORDS), segments: [] });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const origin = `http://127.0.0.1:${port}`;

after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => Object.assign(scene, { note: NOTE, asked: [] }));

const waiting = () => new Waiting(new Api(`${origin}/v1`, new Tokens(`${origin}/token`)));
const looks = () => scene.asked.filter((url) => url === "/v1/voicenotes/note").length;
const done = () => (scene.note = { ...NOTE, status: "transcribed" });
/** @param {import("node:http").ServerResponse} response @param {object} event */
const tell = (response, event) => response.write(`id: 1\nevent: any\ndata: ${JSON.stringify(event)}\n\n`);

test("who waits is told, and looks once", async () => {
  scene.onListen = (response) => {
    tell(response, { type: "ready", resumed: false, voicenote: null });
    tell(response, { type: "voicenote.transcribed", voicenote_id: "another", voicenote: { ...NOTE, status: "transcribed" } });
    const closed = once(response, "close");
    void closed.then(() => scene.asked.push("hung up"));
    setImmediate(() => tell(response, { type: "voicenote.transcribed", voicenote_id: "note", voicenote: done() }));
  };
  const { text, words } = await waiting().textOf("note");
  assert.deepEqual([text, words], ["Hello", WORDS]);
  assert.ok(looks() <= 1, String(scene.asked));
  while (!scene.asked.includes("hung up")) await new Promise(setImmediate);
});

test("two that wait share a stream, and a failed note says why", async () => {
  scene.onListen = (response) => {
    tell(response, { type: "ready", resumed: false, voicenote: null });
    const failure = { code: "AUDIO_TOO_LONG", message: "It is an hour long." };
    tell(response, { type: "voicenote.failed", voicenote_id: "note", voicenote: { ...NOTE, status: "failed", failure } });
  };
  const one = waiting();
  const refused = { code: "recording_too_long", detail: "It is an hour long." };
  await Promise.all([assert.rejects(one.textOf("note"), refused), assert.rejects(one.textOf("note"), refused)]);
  assert.equal(scene.asked.filter((url) => url === "/v1/events").length, 1);
});

for (const [name, onListen] of /** @type {[string, typeof scene.onListen][]} */ ([
  ["is refused", (response) => response.writeHead(403).end("{}")],
  ["is held back on the way", (response) => void response.flushHeaders()],
  ["breaks", (response) => (tell(response, { type: "ready" }), setImmediate(() => response.destroy()))],
])) {
  test(`where the stream ${name}, the note is asked for again and again`, async () => {
    scene.onListen = onListen;
    const text = waiting().textOf("note");
    while (looks() < 2) await new Promise(setImmediate);
    done();
    assert.equal((await text).text, "Hello");
  });
}

test("a wait ends at its time, or when it is told to", async () => {
  scene.onListen = (response) => tell(response, { type: "ready" });
  const one = waiting();
  await assert.rejects(one.textOf("note", { timeout: 0.05 }), { code: "transcription_timeout" });
  const control = new AbortController();
  const text = one.textOf("note", { signal: control.signal });
  control.abort();
  await assert.rejects(text, { code: "aborted" });
});

test("events are read however they are cut", async () => {
  const bytes = new TextEncoder().encode('id: 5\nevent: a\ndata: {"a":"ü: b"}\n\n: still here\n\ndata: 2');
  const stream = new ReadableStream({
    start: (controller) => {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const read = [];
  for await (const one of readEvents(stream)) read.push(one);
  assert.deepEqual(read, [{ id: "5", event: "a", data: '{"a":"ü: b"}' }, {}]);
  assert.deepEqual(fieldsOf("data: "), { data: "" });
});

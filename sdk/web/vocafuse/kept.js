import { VocaFuseError } from "./errors.js";

/** @import { Recording } from "./types.js" */

const NAME = "vocafuse";

/** @type {Promise<IDBDatabase> | null} */
let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("recordings", { keyPath: "id" });
      request.result.createObjectStore("chunks");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * @template T
 * @param {(recordings: IDBObjectStore, chunks: IDBObjectStore) => IDBRequest<T> | void} work
 * @returns {Promise<T | undefined>} Once it is written.
 */
async function transaction(work) {
  const open = (await database()).transaction(["recordings", "chunks"], "readwrite");
  const request = work(open.objectStore("recordings"), open.objectStore("chunks"));
  return new Promise((resolve, reject) => {
    open.oncomplete = () => resolve(request?.result);
    open.onabort = () => reject(open.error);
  });
}

/** @param {string} id */
const chunksOf = (id) => IDBKeyRange.bound([id], [id, []]);

/** @param {Recording} recording @param {{chunk: Blob, number: number}} [piece] The next of it. */
export async function keep(recording, piece) {
  await transaction((recordings, chunks) => {
    recordings.put(recording);
    if (piece) chunks.put(piece.chunk, [recording.id, piece.number]);
  });
}

/** @param {string} id */
export async function discard(id) {
  await transaction((recordings, chunks) => {
    recordings.delete(id);
    chunks.delete(chunksOf(id));
  });
}

/** @param {string} id @returns {Promise<{recording: Recording, audio: Blob}>} */
export async function read(id) {
  /** @type {Recording | undefined} */
  const recording = await transaction((recordings) => recordings.get(id));
  if (!recording) throw new VocaFuseError("not_kept");
  const pieces = await transaction((_, chunks) => chunks.getAll(chunksOf(id)));
  return { recording, audio: new Blob(pieces, { type: recording.mimeType }) };
}

/** Those that no open page works on, oldest first. @param {string | null} owner @returns {Promise<Recording[]>} */
export async function list(owner) {
  /** @type {Recording[]} */
  const all = (await transaction((recordings) => recordings.getAll())) ?? [];
  const held = new Set((await navigator.locks?.query())?.held?.map(({ name }) => name));
  return all
    .filter((one) => !held.has(lockOf(one.id)) && (one.owner === null || one.owner === owner))
    .sort((a, b) => a.createdAt - b.createdAt);
}

/** @param {string} id */
const lockOf = (id) => `${NAME}-${id}`;

/**
 * Makes the recording this page's alone, until the function that it resolves with is called or the page dies.
 *
 * @param {string} id
 * @returns {Promise<() => Promise<void>>}
 */
export function hold(id) {
  return new Promise((resolve, reject) => {
    if (!navigator.locks) return resolve(async () => {});
    /** @type {Promise<void>} */
    const released = navigator.locks.request(lockOf(id), { ifAvailable: true }, (lock) => {
      if (!lock) throw new VocaFuseError("in_use");
      return new Promise((release) => resolve(() => (release(undefined), released)));
    });
    released.catch(reject);
  });
}

import { refusal, VocaFuseError } from "./errors.js";
import { retrying } from "./retries.js";

/** @import { Api } from "./api.js" */
/** @import { FileOptions, Recording, Ticket, UploadOptions, UploadResult } from "./types.js" */

const SILENT_MS = 30_000;

/** A name that nothing else has; `crypto.randomUUID` exists on secure pages only. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Api} api @param {File | Blob} audio @param {FileOptions} [options] @returns {Promise<UploadResult>} */
export async function uploadFile(api, audio, { fileName, customTags, language, ...options } = {}) {
  const name = fileName ?? (audio instanceof File ? audio.name : "voicenote");
  const named = { id: newId(), key: newId(), fileName: name, mimeType: audio.type, customTags, language };
  return upload(api, { ...named, owner: null, createdAt: Date.now(), duration: null }, audio, options);
}

/**
 * Uploads a recording, as one note, however often it is called again for it.
 *
 * What it has got so far is written into the recording, and `remember` called before that is used.
 *
 * @param {Api} api
 * @param {Recording} recording
 * @param {Blob} audio
 * @param {UploadOptions & {remember?: (recording: Recording) => Promise<void>}} options
 * @returns {Promise<UploadResult>}
 */
export async function upload(api, recording, audio, options) {
  const { signal, remember } = options;
  for (let renewed = false; ; renewed = true) {
    const ticket = recording.ticket ?? (await announce(api, recording, audio, signal));
    if (!recording.ticket) await remember?.(Object.assign(recording, { ticket, owner: api.tokens.owner }));
    try {
      await retrying(() => put(ticket.presigned_url, audio, options), signal);
      return resultOf(ticket, recording, audio);
    } catch (error) {
      // The URL has expired, or its note is gone. It may have been used all the same, and the answer lost.
      const gone = error instanceof VocaFuseError && [401, 403, 404].includes(error.status ?? 0);
      if (!gone || renewed) throw error;
      if (await hasArrived(api, ticket.voicenote_id, signal)) return resultOf(ticket, recording, audio);
      Object.assign(recording, { ticket: null, key: newId() });
    }
  }
}

/** @param {Api} api @param {string} id @param {AbortSignal} [signal] */
async function hasArrived(api, id, signal) {
  try {
    return (await api.call(`/voicenotes/${id}`, { signal })).status !== "created";
  } catch (error) {
    if (error instanceof VocaFuseError && error.status === 404) return false;
    throw error;
  }
}

/** @param {Api} api @param {Recording} recording @param {Blob} audio @param {AbortSignal} [signal] @returns {Promise<Ticket>} */
function announce(api, recording, audio, signal) {
  const body = {
    file_name: recording.fileName,
    file_size: audio.size,
    audio_format: formatOf(audio.type),
    duration_seconds: recording.duration ?? undefined,
    custom_tags: recording.customTags,
    language: recording.language,
    sdk_metadata: { sdk: "vocafuse-web" },
  };
  return api.call("/upload", { body, key: recording.key, signal });
}

/** @param {Ticket} ticket @param {Recording} recording @param {Blob} audio @returns {UploadResult} */
function resultOf({ voicenote_id, audio_url, s3_key }, { duration }, audio) {
  const names = { voicenote_id, recording_id: voicenote_id, url: audio_url, s3_key };
  return { ...names, file_size: audio.size, duration_seconds: duration, audio_format: formatOf(audio.type) };
}

/** E.g. `webm` of `audio/webm;codecs=opus`. @param {string} type */
export function formatOf(type) {
  return type.split(";")[0].split("/")[1] || "audio";
}

/** @param {string} url @param {Blob} audio @param {UploadOptions} options @returns {Promise<void>} */
function put(url, audio, { onUploadProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of how far an upload is
    const stop = () => request.abort();
    let timer = setTimeout(stop, SILENT_MS);
    request.upload.onprogress = ({ loaded, total }) => {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENT_MS);
      onUploadProgress?.(Math.round((loaded / total) * 100));
    };
    request.onloadend = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted) reject(new VocaFuseError("aborted"));
      else if (!request.status) reject(new VocaFuseError("network"));
      // A conflict without a time to come back: an earlier try has arrived whole.
      else if (request.status < 300 || (request.status === 409 && !request.getResponseHeader("Retry-After"))) resolve();
      else reject(refusal(request.status, parsed(request.responseText), request.getResponseHeader("Retry-After")));
    };
    request.open("PUT", url);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) reject(new VocaFuseError("aborted"));
    else request.send(audio);
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

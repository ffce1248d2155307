import { asVocaFuseError, VocaFuseError } from "./errors.js";
import { discard, hold, keep, list, read } from "./kept.js";
import { upload } from "./uploads.js";

/** @import { Api } from "./api.js" */
/** @import { Kept, UploadOptions, UploadResult } from "./types.js" */

/** @param {Api} api @returns {Promise<Kept[]>} */
export async function listKept({ tokens }) {
  if (!tokens.owner) await tokens.get().catch(() => {}); // then only those that are nobody's
  const kept = await list(tokens.owner);
  return kept.map((one) => ({ ...one, error: new VocaFuseError(one.failure ?? "page_closed", { keptId: one.id }) }));
}

/** @param {string} id @returns {Promise<Blob>} */
export async function readKept(id) {
  return (await read(id)).audio;
}

/** @param {Api} api @param {string} id @param {UploadOptions} [options] @returns {Promise<UploadResult>} */
export async function retryKept(api, id, options = {}) {
  const release = await hold(id);
  try {
    const { recording, audio } = await read(id);
    const result = await upload(api, recording, audio, { ...options, remember: keep }).catch(async (error) => {
      const { code } = asVocaFuseError(error, "network");
      if (code !== "aborted") await keep({ ...recording, failure: code });
      throw Object.assign(error, { keptId: id });
    });
    await discard(id);
    return result;
  } finally {
    await release();
  }
}

/** @param {string} id */
export async function discardKept(id) {
  const release = await hold(id);
  await discard(id).finally(release);
}

import { asVocaFuseError, VocaFuseError } from "./errors.js";

const TRIES = 4;
const MAX_WAIT_MS = 10_000;

/** Milliseconds until the next try, after `failed` ones. @param {number} failed */
export function backoff(failed, random = Math.random) {
  return Math.min(400 * 2 ** failed, MAX_WAIT_MS) * (0.5 + random() / 2);
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new VocaFuseError("aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
  });
}

/** Browsers that say so are right; those that say otherwise often aren't. */
export const isOffline = () => globalThis.navigator?.onLine === false;

/**
 * Repeats what failed for a reason that may pass, four times at most.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function retrying(attempt, signal, wait = pause) {
  for (let failed = 1; ; failed += 1) {
    try {
      return await attempt();
    } catch (error) {
      const known = error instanceof VocaFuseError && error.temporary ? error : null;
      const waitMs = (known?.retryAfter ?? 0) * 1000 || backoff(failed);
      if (!known || failed >= TRIES || waitMs > MAX_WAIT_MS || isOffline()) throw error;
      await wait(waitMs, signal);
    }
  }
}

/**
 * A part of this library, fetched when it is first needed.
 *
 * @template T
 * @param {() => Promise<T>} part
 */
export function load(part, wait = pause) {
  const attempt = () => part().catch((error) => Promise.reject(asVocaFuseError(error, "network")));
  return retrying(attempt, undefined, wait);
}

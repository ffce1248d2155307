import { VocaFuseError } from "./errors.js";
import { bestType, obstacle } from "./support.js";

/** @import { ErrorCode } from "./errors.js" */

const BITS_PER_SECOND = 64_000;
const CHUNK_MS = 1000; // This much is lost when the page dies.
const QUIETEST_DB = -60;

/** @type {Record<string, ErrorCode>} */
const OF_MICROPHONE = {
  NotAllowedError: "microphone_denied",
  SecurityError: "microphone_denied",
  NotFoundError: "microphone_missing",
  OverconstrainedError: "microphone_missing",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};

/** Loudness as a meter shows it, 0 to 1. @param {Float32Array} samples */
export function levelOf(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const level = 1 - (10 * Math.log10(power)) / QUIETEST_DB;
  return Math.min(1, Math.max(0, level));
}

/** Asks the user. @param {string} [deviceId] */
export async function openMicrophone(deviceId) {
  const hindrance = obstacle();
  if (hindrance) throw hindrance;
  const audio = { deviceId, channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
    throw microphoneError(error);
  });
  try {
    return new Microphone(stream);
  } catch (error) {
    switchOff(stream);
    throw microphoneError(error);
  }
}

/** @param {unknown} error Why there is no microphone, as `getUserMedia` tells it. */
export function microphoneError(error) {
  const name = error instanceof Error ? error.name : "";
  return new VocaFuseError(OF_MICROPHONE[name] ?? "recording_failed", { cause: error });
}

/** @param {MediaStream} stream */
function switchOff(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** A microphone that is switched on. */
export class Microphone {
  #stream;
  #recorder;
  #context = new AudioContext();
  #analyser = this.#context.createAnalyser();
  #samples = new Float32Array(this.#analyser.fftSize);

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.#stream = stream;
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    void this.#context.resume();
    this.#recorder = new MediaRecorder(stream, { mimeType: bestType(), audioBitsPerSecond: BITS_PER_SECOND });
  }

  get mimeType() {
    return this.#recorder.mimeType;
  }

  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return levelOf(this.#samples);
  }

  /**
   * @param {(chunk: Blob) => void} onChunk
   * @param {() => void} onEnd When it ends by itself: unplugged, or no longer allowed.
   */
  record(onChunk, onEnd) {
    this.#recorder.ondataavailable = ({ data }) => data.size && onChunk(data);
    this.#recorder.onstop = onEnd;
    this.#recorder.start(CHUNK_MS);
  }

  pause() {
    this.#recorder.pause();
  }

  resume() {
    this.#recorder.resume();
  }

  /** Ends the recording, after its last chunk, and switches the microphone off. @returns {Promise<void>} */
  close() {
    return new Promise((resolve) => {
      const done = () => {
        switchOff(this.#stream);
        if (this.#context.state !== "closed") void this.#context.close();
        resolve();
      };
      this.#recorder.onstop = done;
      if (this.#recorder.state === "inactive") done();
      else this.#recorder.stop();
    });
  }
}

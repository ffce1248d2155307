import { VocaFuseError } from "./errors.js";

// What browsers write, best first: Chromium and Firefox, older Firefox, older Safari.
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/webm"];

/** @param {(type: string) => boolean} [isSupported] */
export function bestType(isSupported = (type) => MediaRecorder.isTypeSupported(type)) {
  return TYPES.find((type) => isSupported(type));
}

/** Why this page can't record, or null. @returns {VocaFuseError | null} */
export function obstacle() {
  if (globalThis.isSecureContext === false) return new VocaFuseError("insecure_context");
  const canRecord = navigator.mediaDevices && "MediaRecorder" in globalThis && bestType();
  return canRecord ? null : new VocaFuseError("unsupported_browser");
}

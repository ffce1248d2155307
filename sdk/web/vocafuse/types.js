/**
 * The types of this library, for `tsc` and editors. Nothing is run here, and no page loads it.
 */

/** @import { VocaFuseError } from "./errors.js" */

/**
 * @typedef {object} SDKConfig
 * @property {string} tokenEndpoint Your backend's URL that answers POST with a token.
 * @property {string} [apiBaseUrl] The API, e.g. `https://notes.example.com/v1`; the server this file came from.
 * @property {RequestInit} [tokenRequest] More for that POST, e.g. headers against forged requests.
 */

/** @typedef {"idle" | "recording" | "stopped" | "uploading" | "uploaded" | "error"} RecorderState */

/**
 * @typedef {object} RecorderOptions
 * @property {number} [maxDuration] Seconds after which it stops by itself; 60.
 * @property {number} [minDuration] Seconds below which nothing is sent; 0.3.
 * @property {boolean} [autoUpload] Whether `stop` uploads; it does.
 * @property {Record<string, string>} [customTags] What the note is tagged with.
 * @property {string} [language] What is spoken; not given: it is detected.
 * @property {string} [deviceId] Which microphone.
 * @property {(state: RecorderState) => void} [onStateChange]
 * @property {(seconds: number) => void} [onRecordProgress] Ten times a second.
 * @property {(level: number) => void} [onLevel] Loudness, 0 to 1, ten times a second; `level` has it at any time.
 * @property {(percent: number) => void} [onUploadProgress]
 * @property {(result: UploadResult) => void} [onComplete]
 * @property {(error: VocaFuseError) => void} [onError]
 * @property {() => void} [onCancel]
 */

/** What `stop` gives without `autoUpload`. @typedef {{keptId: string, audio: Blob, duration: number}} Recorded */

/**
 * @typedef {object} UploadOptions
 * @property {(percent: number) => void} [onUploadProgress]
 * @property {AbortSignal} [signal]
 */

/** @typedef {UploadOptions & {fileName?: string, customTags?: Record<string, string>, language?: string}} FileOptions */

/**
 * @typedef {object} UploadResult
 * @property {string} voicenote_id
 * @property {string} recording_id The same, as older clients call it.
 * @property {string} url Where the audio can be had, with a token.
 * @property {string} s3_key
 * @property {number} file_size
 * @property {number | null} duration_seconds
 * @property {string} audio_format
 */

/** `timeout` in seconds; 120. @typedef {{timeout?: number, signal?: AbortSignal}} WaitOptions */

/**
 * @typedef {object} Transcription
 * @property {string} text
 * @property {string | null} language
 * @property {number} confidence
 * @property {{word: string, start_time: number, end_time: number, confidence: number}[]} words
 * @property {{start: number, end: number, text: string}[]} segments
 */

/**
 * A recording and how far its upload has got.
 *
 * @typedef {object} Recording
 * @property {string} id
 * @property {string} key Makes the server take it for one note.
 * @property {string | null} owner Whose it is; null if nobody was signed in.
 * @property {number} createdAt In milliseconds.
 * @property {string} fileName
 * @property {string} mimeType
 * @property {number | null} duration In seconds.
 * @property {Record<string, string>} [customTags]
 * @property {string} [language]
 * @property {import("./errors.js").ErrorCode} [failure] Why it wasn't sent.
 * @property {Ticket | null} [ticket] Where to send it, once that is known.
 */

/** @typedef {{voicenote_id: string, presigned_url: string, audio_url: string, s3_key: string}} Ticket */

/** A recording that waits to be sent, and why. @typedef {Recording & {error: VocaFuseError}} Kept */

/**
 * @typedef {object} Details
 * @property {number} [status] The HTTP status, where a server answered.
 * @property {string} [detail] What the server said, for developers.
 * @property {string} [requestId]
 * @property {number} [retryAfter] Seconds after which it may work.
 * @property {string} [keptId] The recording that is kept, for `sdk.retryKept`.
 * @property {unknown} [cause]
 */

/** A call of the API; with a body it is a POST. @typedef {{body?: object, key?: string, signal?: AbortSignal}} Call */

export {};

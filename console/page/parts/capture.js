import { announce, h } from "../dom.js";
import { clock } from "../format.js";
import { expectTitle } from "../naming.js";
import { token } from "../session.js";
import { VocaFuseError, VocaFuseSDK } from "../../sdk/vocafuse.js";

const MAX_DURATION_S = 600;
const BARS = 40;
const BAR_MS = 90;
const READY = matchMedia("(hover: none)").matches
  ? "Press to record."
  : "Press to record, or drop audio files anywhere.";
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export const sdk = new VocaFuseSDK({
  tokenEndpoint: new URL("session", new URL("..", import.meta.url)).href,
  // Asked each time: the session may have been replaced meanwhile.
  tokenRequest: {
    get headers() {
      return { Authorization: `Bearer ${token()}` };
    },
  },
});

/** The big button, and all around it. */
export class Capture {
  #time = h("p", { class: "time", role: "timer" }, "0:00");
  #status = h("p", { class: "record-status", role: "status" }, READY);
  #button = h(
    "button",
    { type: "button", class: "record", "aria-label": "Record", onclick: () => this.toggle() },
    h("span", { class: "glyph" }),
  );
  #bars = Array.from({ length: BARS }, () => h("i"));
  #pause = h("button", { type: "button", onclick: () => this.#togglePause() }, "Pause");
  #choices = h(
    "div",
    { class: "choices", hidden: true },
    this.#pause,
    h("button", { type: "button", onclick: () => void this.#recorder.cancel() }, "Discard"),
  );
  #kept = h("ul", { class: "kept", "aria-label": "Recordings that were not sent yet", hidden: true });
  #levels = new Array(BARS).fill(0);
  #lastBarAt = 0;
  #frame = 0;
  #recorder = sdk.createRecorder({
    maxDuration: MAX_DURATION_S,
    onStateChange: (state) => this.#enter(state),
    onRecordProgress: (seconds) => (this.#time.textContent = clock(seconds)),
    onUploadProgress: (percent) => this.#say(percent < 100 ? `Sending … ${percent} %` : "Sending …"),
    onComplete: ({ voicenote_id }) => expectTitle(voicenote_id, null),
    onError: (error) => this.#failed(error),
    onCancel: () => this.#say("Discarded."),
  });

  element = h(
    "section",
    { class: "capture", "aria-label": "Recorder" },
    h("div", { class: "meter", "aria-hidden": "true" }, this.#bars.slice(0, BARS / 2)),
    this.#button,
    h("div", { class: "meter", "aria-hidden": "true" }, this.#bars.slice(BARS / 2)),
    h("div", { class: "capture-words" }, this.#time, this.#status, this.#choices),
    this.#kept,
  );

  constructor() {
    void this.#showKept();
  }

  toggle() {
    const done = this.#recorder.isRecording ? this.#recorder.stop() : this.#recorder.start();
    done.catch(() => {}); // onError says it
  }

  /** What was recorded is kept in the browser, and offered when the page is opened again. */
  close() {
    cancelAnimationFrame(this.#frame);
    this.#recorder.destroy();
  }

  #togglePause() {
    if (this.#recorder.isPaused) this.#recorder.resume();
    else this.#recorder.pause();
    this.#pause.textContent = this.#recorder.isPaused ? "Go on" : "Pause";
    this.#say(this.#recorder.isPaused ? "Paused." : "Recording. Press again to send.");
  }

  /** @param {string} state */
  #enter(state) {
    const isOn = state === "recording";
    this.#button.setAttribute("aria-label", isOn ? "Stop" : "Record");
    this.#button.disabled = state === "stopped" || state === "uploading";
    this.element.classList.toggle("is-recording", isOn);
    this.#choices.hidden = !isOn;
    this.#pause.textContent = "Pause";
    cancelAnimationFrame(this.#frame);
    this.#levels.fill(0);
    if (isOn) this.#frame = requestAnimationFrame((now) => this.#draw(now));
    else this.#drawLevels();
    if (isOn) this.#say("Recording. Press again to send.");
    if (state === "uploaded") {
      this.#say("Sent. Its text is there in a moment.");
      this.#time.textContent = "0:00";
    }
  }

  /** The newest level is beside the button, and older ones move outwards. @param {number} now */
  #draw(now) {
    if (now - this.#lastBarAt > (reducedMotion.matches ? BAR_MS * 4 : BAR_MS)) {
      this.#lastBarAt = now;
      this.#levels = [this.#recorder.level, ...this.#levels.slice(0, BARS / 2 - 1)];
      this.#drawLevels();
    }
    this.#frame = requestAnimationFrame((next) => this.#draw(next));
  }

  #drawLevels() {
    const half = BARS / 2;
    this.#bars.forEach((bar, at) => {
      const age = at < half ? half - 1 - at : at - half;
      bar.style.setProperty("--level", (this.#levels[age] ?? 0).toFixed(2));
    });
  }

  /** @param {string} sentence */
  #say(sentence, isError = false) {
    this.#status.textContent = sentence;
    this.#status.classList.toggle("is-error", isError);
  }

  /** @param {VocaFuseError} error */
  #failed(error) {
    this.#say(error.message, true);
    void this.#showKept();
  }

  async #showKept() {
    const kept = await sdk.listKept().catch(() => []);
    this.#kept.hidden = kept.length === 0;
    this.#kept.replaceChildren(...kept.map((one) => this.#keptItem(one)));
  }

  /** @param {Awaited<ReturnType<typeof sdk.listKept>>[number]} recording */
  #keptItem({ id, createdAt, duration, error }) {
    const when = new Date(createdAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const act = (/** @type {() => Promise<unknown>} */ action) => async () => {
      await action().catch((problem) => this.#say(problem.message, true));
      await this.#showKept();
    };
    const send = act(async () => {
      const { voicenote_id } = await sdk.retryKept(id);
      expectTitle(voicenote_id, null);
      announce("Sent.");
    });
    return h(
      "li",
      {},
      h("div", {}, h("p", {}, `Not sent: ${when}, ${clock(duration ?? 0)}`), h("p", { class: "hint" }, error.message)),
      h("button", { type: "button", class: "primary", onclick: send }, "Send"),
      h("button", { type: "button", onclick: act(() => sdk.discardKept(id)) }, "Discard"),
    );
  }
}

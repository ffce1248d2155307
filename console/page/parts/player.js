import WaveSurfer from "../vendor/wavesurfer.esm.js";
import { request } from "../api.js";
import { h, icon } from "../dom.js";
import { clock } from "../format.js";

const SPEEDS = [1, 1.25, 1.5, 2, 0.75];
const HEIGHT = 72; // The page's policy knows the style that comes with this height.

/** A note's audio: its waveform, and where it is. */
export class Player {
  #audio = h("audio", { preload: "auto" });
  #waveform = h("div", { class: "waveform", "aria-hidden": "true" });
  #play = h(
    "button",
    { type: "button", class: "play", "aria-label": "Play", disabled: true, onclick: () => void this.toggle() },
    icon("play"),
  );
  #now = h("span", { class: "now" }, "0:00");
  #slider = h("input", {
    type: "range",
    min: "0",
    max: "0",
    step: "0.1",
    value: "0",
    class: "sr-only",
    "aria-label": "Position",
    oninput: () => this.seek(Number(this.#slider.value)),
  });
  #speed = h(
    "button",
    { type: "button", class: "quiet speed", "aria-label": "Speed 1×", onclick: () => this.#nextSpeed() },
    "1×",
  );
  #problem = h("p", { class: "hint", role: "status" });
  /** @type {WaveSurfer | null} */
  #surfer = null;
  #frame = 0;
  #isClosed = false;
  #recolour = () => this.#surfer?.setOptions(colours(this.#waveform));

  /** @param {number} seconds The length, until the audio says it itself. @param {(seconds: number) => void} onTime */
  constructor(seconds, onTime) {
    this.seconds = seconds;
    this.onTime = onTime;
    this.element = h(
      "section",
      { class: "player", "aria-label": "Audio" },
      this.#play,
      h("div", { class: "wave-area" }, this.#waveform, this.#slider, this.#problem),
      h("div", { class: "player-end" }, h("p", { class: "clock" }, this.#now, " / ", clock(seconds)), this.#speed),
    );
    this.#audio.addEventListener("play", () => this.#playing(true));
    this.#audio.addEventListener("pause", () => this.#playing(false));
    this.#audio.addEventListener("seeked", () => this.#tell());
    addEventListener("themechange", this.#recolour);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#recolour);
  }

  /** @param {string} id @param {number | null} startAt */
  async load(id, startAt) {
    try {
      const blob = await (await request(`/voicenotes/${id}/audio`)).blob();
      if (this.#isClosed) return;
      this.#surfer = WaveSurfer.create({
        container: this.#waveform,
        media: this.#audio,
        height: HEIGHT,
        barWidth: 3,
        barGap: 2,
        barRadius: 3,
        cursorWidth: 2,
        normalize: true,
        dragToSeek: true,
        ...colours(this.#waveform),
      });
      await this.#surfer.loadBlob(blob);
      this.#slider.max = String(this.#surfer.getDuration() || this.seconds);
      this.#play.disabled = false;
      if (startAt) this.seek(startAt);
    } catch (error) {
      if (!this.#isClosed) this.#problem.textContent = problemWith(error);
    }
  }

  async toggle() {
    if (this.#play.disabled) return;
    if (this.#audio.paused) await this.#audio.play();
    else this.#audio.pause();
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.#audio.currentTime = Math.max(0, seconds);
    this.#tell();
  }

  /** @param {number} seconds */
  skip(seconds) {
    this.seek(this.#audio.currentTime + seconds);
  }

  /** @param {number} seconds */
  async playFrom(seconds) {
    this.seek(seconds);
    if (!this.#play.disabled) await this.#audio.play();
  }

  #nextSpeed() {
    const next = SPEEDS[(SPEEDS.indexOf(this.#audio.playbackRate) + 1) % SPEEDS.length] ?? 1;
    this.#audio.playbackRate = next;
    this.#speed.textContent = `${next}×`;
    this.#speed.setAttribute("aria-label", `Speed ${next}×`);
  }

  /** @param {boolean} isOn */
  #playing(isOn) {
    this.#play.setAttribute("aria-label", isOn ? "Pause" : "Play");
    this.#play.replaceChildren(icon(isOn ? "pause" : "play"));
    cancelAnimationFrame(this.#frame);
    if (isOn) this.#follow();
    else this.#tell();
  }

  #follow() {
    this.#tell();
    this.#frame = requestAnimationFrame(() => this.#follow());
  }

  #tell() {
    const seconds = this.#audio.currentTime;
    this.#now.textContent = clock(seconds);
    this.#slider.value = String(seconds);
    this.#slider.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(this.seconds)}`);
    this.onTime(seconds);
  }

  close() {
    this.#isClosed = true;
    cancelAnimationFrame(this.#frame);
    removeEventListener("themechange", this.#recolour);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#recolour);
    this.#audio.pause();
    this.#surfer?.destroy();
  }
}

/** A canvas knows no variables, so the element carries the colours. @param {HTMLElement} element */
function colours(element) {
  const { color, borderTopColor, outlineColor } = getComputedStyle(element);
  return { waveColor: color, progressColor: borderTopColor, cursorColor: outlineColor };
}

/** @param {unknown} error */
function problemWith(error) {
  if (error instanceof Error && "status" in error) return error.message;
  return "This browser can't play this format. Download the audio to hear it.";
}

import { VocaFuseError, VocaFuseSDK } from "/vocafuse.js";

const sdk = new VocaFuseSDK({ tokenEndpoint: "/api/vocafuse-token" });
const recorder = sdk.createRecorder({
  maxDuration: 60,
  onStateChange: showState,
  onRecordProgress: (seconds) => (element("time").textContent = clock(seconds)),
  onUploadProgress: showProgress,
  onComplete: (result) => void showText(result.voicenote_id, result.duration_seconds),
  onError: showError,
  onCancel: () => say("Discarded."),
});

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}`);
  return found;
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string} sentence */
function say(sentence, isError = false) {
  element("status").textContent = sentence;
  element("status").classList.toggle("is-error", isError);
}

/** @param {string} state */
function showState(state) {
  const button = /** @type {HTMLButtonElement} */ (element("record"));
  button.setAttribute("aria-label", state === "recording" ? "Stop" : "Record");
  button.disabled = state === "stopped" || state === "uploading";
  element("choices").hidden = state !== "recording";
  element("pause").textContent = "Pause";
  element("progress").hidden = state !== "uploading";
  if (state === "recording") say("Recording. Press again to send.");
  if (state === "uploading") say("Sending …");
  if (state === "uploaded") say("Sent. Listening to it …");
}

/** @param {number} percent */
function showProgress(percent) {
  /** @type {HTMLProgressElement} */ (element("progress")).value = percent;
}

/** @param {unknown} error */
function showError(error) {
  const known = error instanceof VocaFuseError;
  say(known ? error.message : "Something went wrong. Reload this page.", true);
  void showKept();
}

/** @param {string} id @param {number | null} seconds */
async function showText(id, seconds) {
  try {
    const { text, language } = await sdk.wait(id);
    const note = document.createElement("article");
    note.className = "note";
    const quote = note.appendChild(document.createElement("blockquote"));
    quote.textContent = text || "Nothing was said.";
    const about = [language, clock(seconds ?? 0)].filter(Boolean).join(" · ");
    note.appendChild(document.createElement("p")).textContent = about;
    element("notes").prepend(note);
    say("Done. Press to record another.");
  } catch (error) {
    showError(error);
  }
}

/** Recordings that weren't sent, here or on an earlier visit. */
async function showKept() {
  const kept = await sdk.listKept();
  element("kept").hidden = kept.length === 0;
  element("kept-list").replaceChildren(...kept.map(keptItem));
}

/** @param {Awaited<ReturnType<typeof sdk.listKept>>[number]} recording */
function keptItem({ id, createdAt, duration, error }) {
  const item = document.createElement("li");
  const when = new Date(createdAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const words = item.appendChild(document.createElement("div"));
  for (const line of [`${when} · ${clock(duration ?? 0)}`, error.message]) {
    words.appendChild(document.createElement("p")).textContent = line;
  }
  const buttons = item.appendChild(document.createElement("div"));
  const send = async () => {
    say("Sending …");
    const result = await sdk.retryKept(id);
    await showKept();
    await showText(result.voicenote_id, result.duration_seconds);
  };
  const discard = async () => {
    await sdk.discardKept(id);
    await showKept();
  };
  buttons.append(button("Send", "send", send), button("Discard", "", discard));
  return item;
}

/** @param {string} label @param {string} look @param {() => Promise<void>} action */
function button(label, look, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.className = look;
  made.onclick = async () => {
    made.disabled = true;
    await action().catch(showError);
    made.disabled = false;
  };
  return made;
}

function showLevel() {
  element("meter").style.setProperty("--level", recorder.level.toFixed(2));
  requestAnimationFrame(showLevel);
}

element("record").onclick = () => {
  const done = recorder.isRecording ? recorder.stop() : recorder.start();
  done.catch(() => {}); // onError says it
};
element("cancel").onclick = () => recorder.cancel();
element("pause").onclick = () => {
  if (recorder.isPaused) recorder.resume();
  else recorder.pause();
  element("pause").textContent = recorder.isPaused ? "Go on" : "Pause";
};
addEventListener("online", () => void showKept());

showState(recorder.state);
showLevel();
say("Press to record.");
sdk.init().then(showKept, showError);

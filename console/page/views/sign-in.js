import { h } from "../dom.js";
import { signIn } from "../session.js";

/** @param {() => void} onDone @param {string} [told] */
export function signInPage(onDone, told = "") {
  const key = h("input", {
    id: "key",
    name: "username",
    required: true,
    autocomplete: "username",
    placeholder: "sk_live_…",
    spellcheck: "false",
    class: "mono",
  });
  const secret = h("input", {
    id: "secret",
    name: "password",
    type: "password",
    required: true,
    autocomplete: "current-password",
    class: "mono",
  });
  const button = h("button", { class: "primary wide" }, "Sign in");
  const problem = h("p", { class: "problem", role: "alert" }, told);

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await signIn(key.value.trim(), secret.value.trim());
      onDone();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : "Something went wrong.";
      secret.select();
    } finally {
      button.disabled = false;
    }
  };

  return h(
    "main",
    { class: "sign-in" },
    h("img", { src: "console/icon.svg", alt: "", width: "48", height: "48" }),
    h("h1", {}, "Your voice notes"),
    h("p", { class: "lead" }, "Speak, and read it a moment later."),
    h(
      "form",
      { class: "card", onsubmit: submit },
      h("label", { for: "key" }, "API key"),
      key,
      h("label", { for: "secret" }, "API secret"),
      secret,
      problem,
      button,
    ),
    h(
      "p",
      { class: "hint" },
      "The first start printed both; on the server's machine they are in ",
      h("code", {}, "credentials.json"),
      " in the data directory. Only a token for an hour is kept, in this tab.",
    ),
  );
}

import { byId } from "./dom.js";
import { onEnd, schedule, signInByLink, token } from "./session.js";
import { Shell } from "./shell.js";

/** @type {Shell | null} */
let shell = null;

/** @param {string} [told] Why one has to sign in. */
async function showSignIn(told) {
  shell?.close();
  shell = null;
  const { signInPage } = await import("./views/sign-in.js");
  document.title = "Sign in · VocaFuse";
  byId("app").replaceChildren(signInPage(() => void showConsole(), told));
}

async function showConsole() {
  schedule();
  shell ??= new Shell(byId("app"), () => void showSignIn());
  await shell.show();
  performance.mark("interactive");
}

/** A link that signs in is good for once, so it leaves the address and the history at once. */
async function followLink() {
  const code = /^#link=([\w-]+)$/.exec(location.hash)?.[1];
  if (!code) return undefined;
  history.replaceState(null, "", location.pathname);
  return signInByLink(code).catch((error) => error.message);
}

addEventListener("hashchange", () => location.hash.startsWith("#link=") && location.reload());
onEnd(() => void showSignIn("Your session has ended. Sign in again."));
const told = await followLink();
if (token() && !told) await showConsole();
else await showSignIn(told);

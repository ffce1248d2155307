import { call } from "../api.js";
import { h } from "../dom.js";
import { dateOrNever } from "../format.js";
import { accountPage, checkboxes, makeButton, makingForm, tableOf } from "../parts/account-page.js";
import { confirmFirst, openDialog, showSecrets } from "../parts/dialogs.js";
import { toast } from "../parts/toasts.js";

/** @typedef {{id: string, name: string, key_prefix: string, scopes: string[], status: string, last_used_at: string | null, usage_count: number, expires_at: string | null, created_at: string}} ApiKey */

const SCOPES = {
  "voicenotes:read": "Read notes",
  "voicenotes:write": "Make and change notes",
  "webhooks:read": "See webhooks",
  "webhooks:write": "Change webhooks",
  "account:read": "See the account and its keys",
  "account:write": "Change the account and its keys",
};
/** Days, and what they are called; the first is what is chosen if nobody chooses. */
const LIFETIMES = /** @type {const} */ ([
  ["", "Never"],
  ["7", "In a week"],
  ["30", "In a month"],
  ["365", "In a year"],
]);
const DAY_MS = 86_400_000;

export const keysPage = () =>
  accountPage({
    title: "API keys",
    lead: "A key and its secret let your programs in. Give each of them its own, with no more than it needs.",
    control: (reload) => makeButton("New key", () => createKey(reload)),
    draw: async (reload) => {
      const { api_keys } = await call("/account/api-keys", { query: { limit: 100 } });
      return [table(api_keys, reload)];
    },
  });

/** @param {ApiKey[]} keys @param {() => Promise<void>} reload */
function table(keys, reload) {
  const rows = keys.map((key) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, key.name),
      h("td", {}, h("code", {}, `${key.key_prefix}…`)),
      h(
        "td",
        { title: key.scopes.join(", ") },
        key.scopes.length === Object.keys(SCOPES).length ? "Everything" : key.scopes.join(", "),
      ),
      h("td", {}, dateOrNever(key.last_used_at)),
      h("td", { class: "number" }, key.usage_count.toLocaleString()),
      h("td", {}, dateOrNever(key.expires_at)),
      h(
        "td",
        { class: "row-actions" },
        h(
          "button",
          {
            type: "button",
            class: "danger-quiet",
            "aria-label": `Revoke ${key.name}`,
            onclick: () => revoke(key, reload),
          },
          "Revoke",
        ),
      ),
    ),
  );
  return tableOf("API keys", ["Name", "Key", "May", "Last used", "Uses", "Expires", ""], rows);
}

/** @param {ApiKey} key @param {() => Promise<void>} reload */
function revoke(key, reload) {
  const text = `Whatever uses “${key.name}” (${key.key_prefix}…) is refused from its next request on. This can't be undone.`;
  confirmFirst("Revoke this key?", text, "Revoke", async () => {
    await call(`/account/api-keys/${key.id}`, { method: "DELETE" });
    toast(`“${key.name}” is revoked.`);
    await reload();
  });
}

/** @param {() => Promise<void>} reload */
function createKey(reload) {
  const name = h("input", { id: "key-name", required: true, maxlength: "255", placeholder: "What it is for" });
  const lifetime = h(
    "select",
    { id: "key-life" },
    LIFETIMES.map(([days, label]) => h("option", { value: days }, label)),
  );
  const make = async (/** @type {FormData} */ answers) => {
    const expires_at = lifetime.value
      ? new Date(Date.now() + Number(lifetime.value) * DAY_MS).toISOString()
      : undefined;
    const body = { name: name.value.trim(), scopes: answers.getAll("scope"), expires_at };
    const made = await call("/account/api-keys", { method: "POST", body });
    dialog.close();
    showSecrets("Your new key", "The secret is shown this once. Keep both where your program finds them.", {
      "API key": made.api_key,
      "API secret": made.api_secret,
    });
    await reload();
  };
  const dialog = openDialog(
    "New API key",
    makingForm(
      "Make the key",
      make,
      h("label", { for: "key-name" }, "Name"),
      name,
      checkboxes("It may", "scope", SCOPES, (scope) => scope.startsWith("voicenotes")),
      h("label", { for: "key-life" }, "It expires"),
      lifetime,
    ),
  );
}

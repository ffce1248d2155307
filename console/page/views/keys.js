import { call } from "../api.js";
import { h, icon } from "../dom.js";
import { dateOrNever } from "../format.js";
import { confirmFirst, openDialog, showSecrets } from "../parts/dialogs.js";
import { toast, toastError } from "../parts/toasts.js";

/** @import { Page } from "../shell.js" */
/** @typedef {{id: string, name: string, key_prefix: string, scopes: string[], status: string, last_used_at: string | null, usage_count: number, expires_at: string | null, created_at: string}} ApiKey */

const SCOPES = {
  "voicenotes:read": "Read notes",
  "voicenotes:write": "Make and change notes",
  "webhooks:read": "See webhooks",
  "webhooks:write": "Change webhooks",
  "account:read": "See the account and its keys",
  "account:write": "Change the account and its keys",
};
const LIFETIMES = { "": "Never", 7: "In a week", 30: "In a month", 365: "In a year" };
const DAY_MS = 86_400_000;

/** @returns {Promise<Page>} */
export async function keysPage() {
  const list = h("div", {});
  const load = async () => {
    try {
      const { api_keys } = await call("/account/api-keys", { query: { limit: 100 } });
      list.replaceChildren(table(api_keys, load));
    } catch (error) {
      list.replaceChildren(h("p", { class: "problem" }, error instanceof Error ? error.message : ""));
    }
  };
  await load();
  const element = h(
    "div",
    { class: "page" },
    h(
      "div",
      { class: "page-head" },
      h("h1", {}, "API keys"),
      h("button", { type: "button", class: "primary", onclick: () => createKey(load) }, icon("plus"), "New key"),
    ),
    h(
      "p",
      { class: "lead" },
      "A key and its secret let your programs in. Give each of them its own, with no more than it needs.",
    ),
    list,
  );
  return { title: "API keys", element };
}

/** @param {ApiKey[]} keys @param {() => Promise<void>} reload */
function table(keys, reload) {
  const head = ["Name", "Key", "May", "Last used", "Uses", "Expires", ""].map((text) =>
    h("th", { scope: "col" }, text || h("span", { class: "sr-only" }, "Actions")),
  );
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
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "API keys" },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
  );
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
    Object.entries(LIFETIMES).map(([days, label]) => h("option", { value: days }, label)),
  );
  const scopes = Object.entries(SCOPES).map(([scope, label]) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name: "scope", value: scope, checked: scope.startsWith("voicenotes") }),
      label,
    ),
  );
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const wanted = new FormData(/** @type {HTMLFormElement} */ (event.target)).getAll("scope");
    const expires_at = lifetime.value
      ? new Date(Date.now() + Number(lifetime.value) * DAY_MS).toISOString()
      : undefined;
    try {
      const made = await call("/account/api-keys", {
        method: "POST",
        body: { name: name.value.trim(), scopes: wanted, expires_at },
      });
      dialog.close();
      showSecrets("Your new key", "The secret is shown this once. Keep both where your program finds them.", {
        "API key": made.api_key,
        "API secret": made.api_secret,
      });
      await reload();
    } catch (error) {
      toastError(error);
    }
  };
  const dialog = openDialog(
    "New API key",
    h(
      "form",
      { onsubmit: submit },
      h("label", { for: "key-name" }, "Name"),
      name,
      h("fieldset", {}, h("legend", {}, "It may"), scopes),
      h("label", { for: "key-life" }, "It expires"),
      lifetime,
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the key")),
    ),
  );
}

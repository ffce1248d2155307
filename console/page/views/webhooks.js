import { call } from "../api.js";
import { h, icon } from "../dom.js";
import { accountPage, checkboxes, makeButton, makingForm } from "../parts/account-page.js";
import { confirmFirst, openDialog, showSecrets } from "../parts/dialogs.js";
import { DeliveryLog } from "../parts/deliveries.js";
import { toast, toastError } from "../parts/toasts.js";

/** @typedef {{id: string, url: string, events: string[], status: string}} Webhook */

const EVENTS = {
  "voicenote.created": "A note has arrived",
  "voicenote.transcribed": "Its text is there",
  "voicenote.failed": "It could not be transcribed",
  "voicenote.deleted": "It was deleted",
};

export const webhooksPage = () =>
  accountPage({
    title: "Webhooks",
    lead: "Your server is told what happens, signed, and again until it has answered.",
    look: "cards",
    control: (reload) => makeButton("New webhook", () => createWebhook(reload)),
    draw: async (reload) => {
      const { webhooks } = await call("/webhooks", { query: { limit: 100 } });
      return webhooks.length ? webhooks.map((/** @type {Webhook} */ one) => card(one, reload)) : [empty()];
    },
  });

const empty = () =>
  h(
    "div",
    { class: "empty" },
    h("h2", {}, "No webhooks yet"),
    h("p", {}, "Make one, and the text of each note comes to you by itself."),
  );

/** @param {Webhook} webhook @param {() => Promise<void>} reload */
function card(webhook, reload) {
  const log = new DeliveryLog(webhook.id);
  const path = `/webhooks/${webhook.id}`;
  const isActive = webhook.status === "active";
  const act = (/** @type {() => Promise<unknown>} */ run) => () => void run().catch(toastError);
  const sendTest = act(async () => {
    const { id } = await call(`${path}/test`, { method: "POST" });
    toast("A test is on its way.", { shownMs: 2500 });
    await log.openAt(id);
  });
  const toggle = act(async () => {
    await call(path, { method: "PUT", body: { status: isActive ? "disabled" : "active" } });
    await reload();
  });
  const rotate = act(async () => {
    const { secret } = await call(`${path}/rotate-secret`, { method: "POST" });
    showSecrets("The new secret", "It is shown this once. The old one still signs, beside it, for 24 hours.", {
      Secret: secret,
    });
  });
  const remove = () =>
    confirmFirst(
      "Delete this webhook?",
      `${webhook.url} is told nothing more, and its log is gone. This can't be undone.`,
      "Delete",
      async () => {
        await call(path, { method: "DELETE" });
        await reload();
      },
    );
  return h(
    "section",
    { class: "card webhook", "aria-label": webhook.url },
    h(
      "div",
      { class: "card-head" },
      h("h2", { class: "mono" }, webhook.url),
      h("span", { class: `badge is-${webhook.status}` }, isActive ? "Active" : "Disabled"),
    ),
    h(
      "p",
      { class: "row-tags" },
      webhook.events.map((event) => h("span", { class: "tag" }, event)),
    ),
    h(
      "div",
      { class: "actions start" },
      h("button", { type: "button", onclick: sendTest }, icon("test"), "Send a test"),
      h("button", { type: "button", onclick: toggle }, isActive ? "Disable" : "Enable"),
      h("button", { type: "button", onclick: rotate }, "New secret"),
      h("button", { type: "button", class: "danger-quiet", onclick: remove }, icon("trash"), "Delete"),
    ),
    log.element,
  );
}

/** @param {() => Promise<void>} reload */
function createWebhook(reload) {
  const url = h("input", {
    id: "hook-url",
    type: "url",
    required: true,
    placeholder: "https://example.com/hook",
    class: "mono",
  });
  const make = async (/** @type {FormData} */ answers) => {
    const body = { url: url.value.trim(), events: answers.getAll("event") };
    const { secret } = await call("/webhooks", { method: "POST", body });
    dialog.close();
    showSecrets("Your new webhook", "Its secret checks the signatures, and is shown this once.", { Secret: secret });
    await reload();
  };
  const dialog = openDialog(
    "New webhook",
    makingForm(
      "Make the webhook",
      make,
      h("label", { for: "hook-url" }, "Address"),
      url,
      checkboxes("It is told when", "event", EVENTS, (name) => name === "voicenote.transcribed"),
    ),
  );
}

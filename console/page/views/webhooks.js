import { call } from "../api.js";
import { h, icon } from "../dom.js";
import { confirmFirst, openDialog, showSecrets } from "../parts/dialogs.js";
import { DeliveryLog } from "../parts/deliveries.js";
import { toast, toastError } from "../parts/toasts.js";

/** @import { Page } from "../shell.js" */
/** @typedef {{id: string, url: string, events: string[], status: string}} Webhook */

const EVENTS = {
  "voicenote.created": "A note has arrived",
  "voicenote.transcribed": "Its text is there",
  "voicenote.failed": "It could not be transcribed",
  "voicenote.deleted": "It was deleted",
};

/** @returns {Promise<Page>} */
export async function webhooksPage() {
  const list = h("div", { class: "cards" });
  const load = async () => {
    try {
      const { webhooks } = await call("/webhooks", { query: { limit: 100 } });
      list.replaceChildren(
        ...(webhooks.length ? webhooks.map((/** @type {Webhook} */ one) => card(one, load)) : [empty()]),
      );
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
      h("h1", {}, "Webhooks"),
      h(
        "button",
        { type: "button", class: "primary", onclick: () => createWebhook(load) },
        icon("plus"),
        "New webhook",
      ),
    ),
    h("p", { class: "lead" }, "Your server is told what happens, signed, and again until it has answered."),
    list,
  );
  return { title: "Webhooks", element };
}

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
  const events = Object.entries(EVENTS).map(([name, label]) =>
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name: "event", value: name, checked: name === "voicenote.transcribed" }),
      label,
    ),
  );
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const wanted = new FormData(/** @type {HTMLFormElement} */ (event.target)).getAll("event");
    try {
      const { secret } = await call("/webhooks", { method: "POST", body: { url: url.value.trim(), events: wanted } });
      dialog.close();
      showSecrets("Your new webhook", "Its secret checks the signatures, and is shown this once.", { Secret: secret });
      await reload();
    } catch (error) {
      toastError(error);
    }
  };
  const dialog = openDialog(
    "New webhook",
    h(
      "form",
      { onsubmit: submit },
      h("label", { for: "hook-url" }, "Address"),
      url,
      h("fieldset", {}, h("legend", {}, "It is told when"), events),
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the webhook")),
    ),
  );
}

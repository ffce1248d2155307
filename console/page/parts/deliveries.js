import { call } from "../api.js";
import { h } from "../dom.js";
import { dateAndTime, moment, plural } from "../format.js";
import { toastError } from "./toasts.js";

/** @typedef {{number: number, status_code: number | null, error: string | null, duration_ms: number}} Attempt */
/** @typedef {{id: string, event: string, status: string, created_at: string, next_attempt_at: string | null, attempt_count: number, attempts: Attempt[]}} Delivery */

const LIMIT = 20;
const LOOKS = 12;
const LOOK_MS = 400;

/** What was sent to one webhook, and what came of it. */
export class DeliveryLog {
  #path;
  #page = 0;
  #rows = h("div", { class: "table-wrap" });
  #note = h("p", { class: "hint", role: "status" });
  #pager = h("div", { class: "pager" });

  /** @param {string} webhookId */
  constructor(webhookId) {
    this.#path = `/webhooks/${webhookId}/deliveries`;
    const onToggle = () => this.element.open && void this.#load().catch(toastError);
    this.element = h(
      "details",
      { class: "log", ontoggle: onToggle },
      h("summary", {}, "Delivery log"),
      this.#rows,
      this.#note,
      this.#pager,
    );
  }

  /** Shows the log, and looks at one delivery until something came of it. @param {string} id */
  async openAt(id) {
    this.element.open = true;
    for (let look = 0; look < LOOKS; look += 1) {
      const deliveries = await this.#load();
      const one = deliveries.find((delivery) => delivery.id === id);
      if (one && one.attempt_count > 0 && one.status !== "pending") return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** @returns {Promise<Delivery[]>} */
  async #load() {
    const { deliveries, total } = await call(this.#path, { query: { limit: LIMIT, page: this.#page } });
    const head = ["Event", "State", "Sent", "Tries", "Last answer", ""].map((text) =>
      h("th", { scope: "col" }, text || h("span", { class: "sr-only" }, "Actions")),
    );
    this.#rows.replaceChildren(
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, head)),
        h(
          "tbody",
          {},
          deliveries.map((/** @type {Delivery} */ one) => this.#row(one)),
        ),
      ),
    );
    this.#rows.hidden = total === 0;
    this.#note.textContent = total
      ? plural(total, "delivery").replace("deliverys", "deliveries")
      : "Nothing was sent yet.";
    this.#drawPager(total);
    return deliveries;
  }

  /** @param {number} total */
  #drawPager(total) {
    const turn = (/** @type {number} */ by) => () => {
      this.#page += by;
      void this.#load().catch(toastError);
    };
    const hasOlder = (this.#page + 1) * LIMIT < total;
    this.#pager.hidden = !hasOlder && this.#page === 0;
    this.#pager.replaceChildren(
      h("button", { type: "button", disabled: this.#page === 0, onclick: turn(-1) }, "Newer"),
      h("button", { type: "button", disabled: !hasOlder, onclick: turn(1) }, "Older"),
    );
  }

  /** @param {Delivery} delivery */
  #row(delivery) {
    const last = delivery.attempts.at(-1);
    const again = async () => {
      await call(`${this.#path}/${delivery.id}/redeliver`, { method: "POST" });
      await this.openAt(delivery.id);
    };
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, delivery.event),
      h("td", {}, h("span", { class: `badge is-${delivery.status}` }, delivery.status)),
      h("td", {}, dateAndTime(moment(delivery.created_at))),
      h("td", { class: "number" }, delivery.attempt_count),
      h("td", {}, last ? `${last.status_code ?? last.error ?? "no answer"}, ${last.duration_ms} ms` : "–"),
      h(
        "td",
        { class: "row-actions" },
        h(
          "button",
          {
            type: "button",
            "aria-label": `Send again: ${delivery.event}`,
            onclick: () => void again().catch(toastError),
          },
          "Send again",
        ),
      ),
    );
  }
}

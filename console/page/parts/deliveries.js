import { call } from "../api.js";
import { h, icon } from "../dom.js";
import { capitalized, dateAndTime, moment, plural } from "../format.js";
import { tableOf } from "./account-page.js";
import { confirmFirst } from "./dialogs.js";
import { toast, toastError } from "./toasts.js";

/** @typedef {{number: number, status_code: number | null, error: string | null, duration_ms: number}} Attempt */
/** @typedef {{id: string, event: string, status: string, created_at: string, next_attempt_at: string | null, attempt_count: number, attempts: Attempt[]}} Delivery */

const LIMIT = 20;
const SINCE_EVER = "1970-01-01";
const LOOKS = 12;
const LOOK_MS = 400;

/** What was sent to one webhook, and what came of it. */
export class DeliveryLog {
  #path;
  #webhook;
  #page = 0;
  #rows = h("div", {});
  #note = h("p", { class: "hint", role: "status" });
  #again = h("button", { type: "button", hidden: true, onclick: () => this.#askToReplay() }, icon("again"));
  #failed = 0;
  #pager = h("div", { class: "pager" });

  /** @param {string} webhookId */
  constructor(webhookId) {
    this.#webhook = `/webhooks/${webhookId}`;
    this.#path = `${this.#webhook}/deliveries`;
    const onToggle = () => this.element.open && void this.#load().catch(toastError);
    this.element = h(
      "details",
      { class: "log", ontoggle: onToggle },
      h("summary", {}, "Delivery log"),
      this.#rows,
      h("div", { class: "log-foot" }, this.#note, this.#again),
      this.#pager,
    );
  }

  /** Shows the log, and looks at one delivery until something came of it. @param {string} id */
  async openAt(id) {
    this.element.open = true;
    await this.#loadUntil((deliveries) => {
      const one = deliveries.find((delivery) => delivery.id === id);
      return one !== undefined && one.attempt_count > 0 && one.status !== "pending";
    });
  }

  /** @param {(deliveries: Delivery[]) => boolean} isEnough */
  async #loadUntil(isEnough) {
    for (let look = 0; look < LOOKS; look += 1) {
      if (isEnough(await this.#load())) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** @returns {Promise<Delivery[]>} */
  async #load() {
    const [{ deliveries, total }, failed] = await Promise.all([
      call(this.#path, { query: { limit: LIMIT, page: this.#page } }),
      call(this.#path, { query: { limit: 1, status: "failed" } }),
    ]);
    const rows = deliveries.map((/** @type {Delivery} */ one) => this.#row(one));
    this.#rows.replaceChildren(tableOf("Deliveries", ["Event", "State", "Sent", "Tries", "Last answer", ""], rows));
    this.#rows.hidden = total === 0;
    this.#note.textContent = total ? plural(total, "delivery", "deliveries") : "Nothing was sent yet.";
    this.#drawPager(total);
    this.#failed = failed.total;
    this.#again.hidden = failed.total === 0;
    this.#again.replaceChildren(icon("again"), `Send all that failed again (${failed.total.toLocaleString()})`);
    return deliveries;
  }

  #askToReplay() {
    const what = `${plural(this.#failed, "delivery", "deliveries")} that failed`;
    const text = `Your server is told ${what}, each with the id and the words that it had.`;
    confirmFirst("Send all that failed again?", text, "Send them again", () => this.#replay(), { isGrave: false });
  }

  async #replay() {
    await call(`${this.#webhook}/redeliver`, { method: "POST", body: { since: SINCE_EVER } });
    toast("All that failed is on its way again.", { shownMs: 2500 });
    await this.#loadUntil((deliveries) => deliveries.every(({ status }) => status !== "pending") && this.#failed === 0);
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
      h("td", {}, h("span", { class: `badge is-${delivery.status}` }, capitalized(delivery.status))),
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

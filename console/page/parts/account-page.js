import { h, icon } from "../dom.js";
import { sentenceOf } from "./toasts.js";

/** @import { Child } from "../dom.js" */
/** @import { Page } from "../shell.js" */
/** @typedef {() => Promise<void>} Reload */

/**
 * A page with a heading, and below it what the server has; a call that fails is told in its place.
 *
 * @param {{title: string, lead?: string, look?: string, control: (reload: Reload) => HTMLElement, draw: (reload: Reload) => Promise<HTMLElement[]>}} parts
 * @returns {Promise<Page>}
 */
export async function accountPage({ title, lead, look = "", control, draw }) {
  const body = h("div", { class: look });
  const reload = async () => {
    const drawn = await draw(reload).catch((error) => [h("p", { class: "problem", role: "alert" }, sentenceOf(error))]);
    body.replaceChildren(...drawn);
  };
  await reload();
  const head = h("div", { class: "page-head" }, h("h1", {}, title), control(reload));
  return { title, element: h("div", { class: "page" }, head, lead && h("p", { class: "lead" }, lead), body) };
}

/** @param {string} label @param {() => void} onclick */
export const makeButton = (label, onclick) =>
  h("button", { type: "button", class: "primary", onclick }, icon("plus"), label);

/** A form's question with several answers. @param {string} question @param {string} name @param {Record<string, string>} answers @param {(answer: string) => boolean} isChecked */
export function checkboxes(question, name, answers, isChecked) {
  const boxes = Object.entries(answers).map(([value, label]) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", name, value, checked: isChecked(value) }), label),
  );
  return h("fieldset", {}, h("legend", {}, question), boxes);
}

/**
 * A dialog's form: what it makes is shown, or what is wrong with it told beside its button.
 *
 * @param {string} label Of its button. @param {(answers: FormData) => Promise<void>} make @param {...Child} fields
 */
export function makingForm(label, make, ...fields) {
  const problem = h("p", { class: "problem", role: "alert" });
  const button = h("button", { class: "primary" }, label);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    const answers = new FormData(/** @type {HTMLFormElement} */ (event.target));
    await make(answers).catch((error) => (problem.textContent = sentenceOf(error)));
    button.disabled = false;
  };
  return h("form", { onsubmit: submit }, ...fields, problem, h("div", { class: "actions" }, button));
}

/** A table that can be moved sideways where it is too wide. @param {string} name @param {string[]} heads An empty one is of actions. @param {HTMLElement[]} rows */
export function tableOf(name, heads, rows) {
  const head = heads.map((text) => h("th", { scope: "col" }, text || h("span", { class: "sr-only" }, "Actions")));
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": name },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
  );
}

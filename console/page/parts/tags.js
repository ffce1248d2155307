import { h, icon } from "../dom.js";
import { toastError } from "./toasts.js";

const MAX_LENGTH = 64;

/**
 * Tags that can be taken off and added to.
 *
 * @param {string[]} tags @param {(tags: string[]) => Promise<void>} save
 */
export function tagsField(tags, save) {
  let current = [...tags];
  const list = h("ul", { class: "tags", "aria-label": "Tags" });
  const input = h("input", {
    class: "tag-input",
    placeholder: "Add a tag",
    "aria-label": "Add a tag",
    maxlength: MAX_LENGTH,
    onchange: () => add(),
  });

  const change = async (/** @type {string[]} */ wanted) => {
    const before = current;
    current = wanted;
    draw();
    await save(wanted).catch((error) => {
      current = before;
      draw();
      toastError(error);
    });
  };
  const add = () => {
    const tag = input.value.trim();
    input.value = "";
    if (tag && !current.includes(tag)) void change([...current, tag]);
  };
  const draw = () => {
    const items = current.map((tag) =>
      h(
        "li",
        { class: "tag" },
        tag,
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": `Remove the tag ${tag}`,
            onclick: () => void change(current.filter((one) => one !== tag)),
          },
          icon("close"),
        ),
      ),
    );
    list.replaceChildren(...items);
  };
  draw();
  return h("div", { class: "tags-field" }, list, input);
}

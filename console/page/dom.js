/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, unknown>} Attributes `on…` are listeners; `true` sets an attribute, `false` and null leave it out.
 */

/**
 * Makes an element. Text is always text, so that nothing in a note is ever markup.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  assign(made, attributes);
  made.append(...nodes(children));
  return made;
}

/** @param {string} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(made, attributes);
  made.append(...nodes(children));
  return made;
}

/** @param {Element} element @param {Attributes} attributes */
function assign(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function nodes(children) {
  return children.flat().flatMap((child) => {
    if (child === null || child === undefined || child === false) return [];
    return [child instanceof Node ? child : String(child)];
  });
}

const PATHS = {
  notes: "M5 6h14M5 12h14M5 18h9",
  keys: "M12.5 15.500a4 4 0 1 1-8 0a4 4 0 0 1 8 0M11.300 12.700 19.500 4.500M15.500 8.500l3 3",
  webhooks: "M4 12h11M11 7l5 5-5 5M20 5v14",
  usage: "M5 20v-7M12 20V5M19 20v-11",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14M16.500 16.500 21 21",
  play: "M8 5.500v13l11-6.500z",
  pause: "M8.500 5.500v13M15.500 5.500v13",
  copy: "M9 9h10v11H9zM5 15V4h10",
  download: "M12 4v11M7.500 11l4.500 4.500L16.500 11M5 20h14",
  again: "M20 12a8 8 0 1 1-2.500-5.800M20 3v4.500h-4.500",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  back: "M15 5l-7 7 7 7",
  files: "M12 16V4M7.500 8.500 12 4l4.500 4.500M4 15v5h16v-5",
  theme: "M12 4v16M12 4a8 8 0 0 1 0 16 8 8 0 0 1 0-16",
  keyboard: "M3 7h18v11H3zM7 11h.01M11 11h.01M15 11h.01M8 15h8",
  leave: "M10 5H5v14h5M10 12h10M16 8l4 4-4 4",
  plus: "M12 5v14M5 12h14",
  test: "M4 12l16-7-6 15-3-6z",
  close: "M6 6l12 12M18 6 6 18",
};

/** A drawing beside words; it says nothing by itself. @param {keyof typeof PATHS} name */
export function icon(name) {
  const path = svg("path", { d: PATHS[name] });
  return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}`);
  return found;
}

/** Tells those who can't see the page. @param {string} sentence */
export function announce(sentence) {
  byId("announcer").textContent = sentence;
}

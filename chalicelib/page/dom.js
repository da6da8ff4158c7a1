// Elements, icons and the browser tab.

/** @import {DatabaseState} from "./api.js" */

// Paths in a square of 48. Each state has its own shape, so that it can be recognized without color.
/** @type {Record<DatabaseState, string[]>} */
const SHAPES = {
  stopped: ["M33 30A15 15 0 1 1 19 9a12 12 0 0 0 14 21z", "M32 7h8l-8 9h8"],
  starting: ["M6 36h36", "M13 36a11 11 0 0 1 22 0", "M24 19V8M19 13l5-5 5 5", "M10 25l4 3M38 25l-4 3"],
  running: [
    "M24 15a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
    "M24 4v5M24 39v5M4 24h5M39 24h5M10 10l3 3M35 35l3 3M10 38l3-3M35 13l3-3",
  ],
  stopping: ["M6 36h36", "M13 36a11 11 0 0 1 22 0", "M24 7v11M19 13l5 5 5-5"],
  busy: ["M24 6a18 18 0 1 1 0 36 18 18 0 0 1 0-36z", "M24 13v11l8 5"],
  failed: ["M24 6l20 36H4z", "M24 19v11M24 35v2"],
};

// The style sheet does not apply to the icon of the browser tab.
/** @type {Record<DatabaseState, string>} */
const TAB_COLORS = {
  stopped: "#5b5fc7",
  starting: "#b26a00",
  running: "#0a7d3e",
  stopping: "#8a4bb5",
  busy: "#0b6fb8",
  failed: "#c62828",
};

/**
 * The element of page.html with this id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (found === null || (type && !(found instanceof type))) throw new Error(`page.html has no such element: ${id}`);
  return /** @type {T} */ (found);
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
export function createElement(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {Node[]} children
 */
export function createSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, string>} attributes
 */
export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/**
 * Sets the text only if it changes, so that screen readers announce it once.
 * @param {string | Element} target
 * @param {string} text
 */
export function setText(target, text) {
  const element = typeof target === "string" ? byId(target) : target;
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} id
 * @param {boolean} isVisible
 */
export function setVisible(id, isVisible) {
  byId(id).hidden = !isVisible;
}

/**
 * Replaces the children only if the key changes, so that focus and selection stay. Returns whether it replaced them.
 * @param {HTMLElement} parent
 * @param {unknown} key everything that the children are made from
 * @param {() => Node[]} createChildren
 */
export function replaceChildren(parent, key, createChildren) {
  const text = JSON.stringify(key);
  if (parent.dataset.key === text) return false;
  parent.dataset.key = text;
  parent.replaceChildren(...createChildren());
  return true;
}

/**
 * A disabled button keeps its focus and its place in the tab order.
 * @param {Element} button
 * @param {boolean} enabled
 */
export function setEnabled(button, enabled) {
  button.setAttribute("aria-disabled", String(!enabled));
}

/** @param {Element} button */
export function isEnabled(button) {
  return button.getAttribute("aria-disabled") !== "true";
}

/**
 * @param {DatabaseState} state
 * @param {number} size in pixels
 */
export function createIcon(state, size) {
  const paths = SHAPES[state].map((d) => createSvg("path", {d}));
  const attributes = {viewBox: "0 0 48 48", width: String(size), height: String(size), class: `state ${state}`};
  return createSvg("svg", attributes, ...paths);
}

/**
 * The title and the icon of the browser tab.
 * @param {DatabaseState} state
 * @param {string} title
 */
export function setTab(state, title) {
  if (document.title !== title) document.title = title;
  const paths = SHAPES[state].map((d) => `<path d="${d}"/>`).join("");
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="white"/>` +
    `<g fill="none" stroke="${TAB_COLORS[state]}" stroke-width="5" stroke-linecap="round" stroke-linejoin="round">` +
    `${paths}</g></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  const link = byId("tab-icon");
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

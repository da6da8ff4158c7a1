// Elements and shapes. Each mood has a shape of its own, so that colour is never needed to tell them apart.

const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Paths in a square of 48, drawn with strokes.
const SHAPES = {
  asleep: ["M33 30A15 15 0 1 1 19 9a12 12 0 0 0 14 21z", "M32 7h8l-8 9h8"],
  waking: ["M6 36h36", "M13 36a11 11 0 0 1 22 0", "M24 19V8M19 13l5-5 5 5", "M10 25l4 3M38 25l-4 3"],
  awake: ["M24 15a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M24 4v5M24 39v5M4 24h5M39 24h5M10 10l3 3M35 35l3 3M10 38l3-3M35 13l3-3"],
  dozing: ["M6 36h36", "M13 36a11 11 0 0 1 22 0", "M24 7v11M19 13l5 5 5-5"],
  busy: ["M24 6a18 18 0 1 1 0 36 18 18 0 0 1 0-36z", "M24 13v11l8 5"],
  failed: ["M24 6l20 36H4z", "M24 19v11M24 35v2"],
};

function icon(mood, size) {
  const lines = SHAPES[mood].map((d) => shape("path", {d}));
  return shape("svg", {viewBox: "0 0 48 48", width: size, height: size, class: `mood ${mood}`}, ...lines);
}

const COLOURS = {
  asleep: "#5b5fc7", waking: "#b26a00", awake: "#0a7d3e", dozing: "#8a4bb5", busy: "#0b6fb8", failed: "#c62828",
};

function showInTab(mood, title) {
  document.title = title;
  const paths = SHAPES[mood].map((d) => `<path d="${d}"/>`).join("");
  const drawing =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="white"/>` +
    `<g fill="none" stroke="${COLOURS[mood]}" stroke-width="5" stroke-linecap="round" stroke-linejoin="round">` +
    `${paths}</g></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
  const link = document.querySelector("link[rel=icon]");
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

// Sets the text only where it changes, so that a screen reader is not told the same again.
function say(id, text) {
  const target = typeof id === "string" ? $(id) : id;
  if (target.textContent !== text) target.textContent = text;
}

const show = (id, isShown) => { $(id).hidden = !isShown; };

// A button that makes no sense at the moment keeps its focus and its place in the order of tabs.
const enable = (button, isEnabled) => button.setAttribute("aria-disabled", String(!isEnabled));
const isEnabled = (button) => button.getAttribute("aria-disabled") !== "true";

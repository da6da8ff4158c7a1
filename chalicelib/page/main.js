// Connects the page's controls and the browser's events to actions, polling and rendering.

import {
  holdFor,
  holdUntil,
  holdUntilMorning,
  releaseHold,
  selectDatabase,
  selectDays,
  showAllEvents,
  showDay,
  signIn,
  start,
  stayHere,
} from "./actions.js";
import {byId, isEnabled} from "./dom.js";
import {HOUR, SECOND, inputValue} from "./format.js";
import {poll, signOut} from "./poll.js";
import {DASHBOARD_URL, redirectWhenDue, restartRedirectCountdown} from "./redirect.js";
import {render} from "./render.js";
import {mayOperate, now, subscribe} from "./store.js";

const MAX_HOLD = 168 * HOUR;

const tokenInput = byId("token", HTMLInputElement);
const databaseSelect = byId("database-select", HTMLSelectElement);
const holdTime = byId("hold-time", HTMLInputElement);
const timeline = byId("timeline");

/**
 * @param {Element} button
 * @param {() => void} action
 */
function onClick(button, action) {
  button.addEventListener("click", () => {
    if (isEnabled(button)) action();
  });
}

/**
 * @param {string} attribute
 * @param {(value: number) => void} action
 */
function onClickEach(attribute, action) {
  for (const button of document.querySelectorAll(`[${attribute}]`)) {
    onClick(button, () => action(Number(button.getAttribute(attribute))));
  }
}

/**
 * The bar of a day in the timeline, if the event is about one.
 * @param {Event} event
 */
function dayOf(event) {
  const bar = event.target instanceof Element ? event.target.closest("[data-day]") : null;
  return bar && {bar, day: Number(bar.getAttribute("data-day"))};
}

/** @param {KeyboardEvent} event */
function moveInTimeline(event) {
  const target = dayOf(event);
  const step = Number(event.key === "ArrowDown") - Number(event.key === "ArrowUp");
  if (!target || step === 0) return;
  /** @type {SVGElement | null} */
  const next = timeline.querySelector(`[data-day="${target.day + step}"]`);
  if (next === null) return;
  event.preventDefault();
  target.bar.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = tokenInput.value.trim();
  tokenInput.value = "";
  void signIn(token);
});
onClick(byId("sign-out"), signOut);
onClick(byId("start"), start);
onClick(byId("stay"), stayHere);
onClick(byId("end-hold"), releaseHold);
onClick(byId("until-morning"), holdUntilMorning);
onClick(byId("show-all"), showAllEvents);
onClickEach("data-hours", holdFor);
onClickEach("data-days", selectDays);
byId("dashboard", HTMLAnchorElement).href = DASHBOARD_URL || "#";

byId("database-buttons").addEventListener("click", (event) => {
  const id = event.target instanceof Element && event.target.closest("[data-id]")?.getAttribute("data-id");
  if (id) selectDatabase(id);
});
databaseSelect.addEventListener("change", () => selectDatabase(databaseSelect.value));

holdTime.addEventListener("focus", () => {
  holdTime.min = inputValue(now());
  holdTime.max = inputValue(now() + MAX_HOLD);
});
byId("hold-until").addEventListener("submit", (event) => {
  event.preventDefault();
  if (mayOperate()) holdUntil(holdTime.value);
});

timeline.addEventListener("keydown", moveInTimeline);
timeline.addEventListener("focusin", (event) => {
  const target = dayOf(event);
  if (target) showDay({day: target.day});
});
timeline.addEventListener("pointermove", (event) => {
  const target = dayOf(event);
  if (!target) return;
  const {left, width} = target.bar.getBoundingClientRect();
  showDay({day: target.day, fraction: (event.clientX - left) / width});
});

document.addEventListener("visibilitychange", () => {
  restartRedirectCountdown();
  void poll();
});
window.addEventListener("online", () => void poll());
setInterval(() => {
  if (document.hidden) return;
  redirectWhenDue();
  render();
}, SECOND);

subscribe(render);
render();
void poll();

// Renders a history as the API returns it: a timeline, a table, totals and a list of events.

import {byId, createElement, createSvg, replaceChildren, setAttributes, setText, setVisible} from "./dom.js";
import {EVENT_TITLES} from "./database.js";
import {
  HOUR,
  MINUTE,
  NARROW_UNITS,
  SECOND,
  approximate,
  clockTime,
  count,
  dateTime,
  dayName,
  duration,
  localizeTimes,
  money,
  parseTime,
  percent,
  preciseHours,
  startOfDay,
} from "./format.js";

/** @import {HistoryEvent, Period, Summary} from "./api.js" */
/** @import {LoadedHistory, TimelineTarget} from "./store.js" */
/** @typedef {"running" | "failed" | "transitioning" | "stopped" | "unobserved"} Category */
/** @typedef {{start: number, end: number, category: Category}} Segment */
/** @typedef {{start: number, end: number, segments: Segment[], totals: Record<Category, number>}} Day */

/** How many events are listed at first. */
export const FEW_EVENTS = 8;

const TIMELINE_HINT = "Point at a day, or use Tab and the arrow keys, for details.";

// A category with a smaller bar, or with a dotted line, can be recognized without color.
/** @type {Record<Category, {title: string, states: Period["state"][], height: number}>} */
const CATEGORIES = {
  running: {title: "awake", states: ["running", "busy"], height: 20},
  failed: {title: "failed", states: ["failed"], height: 20},
  transitioning: {title: "starting or stopping", states: ["starting", "stopping"], height: 12},
  stopped: {title: "asleep", states: ["stopped"], height: 4},
  unobserved: {title: "not observed", states: [null], height: 0},
};
const CATEGORY_NAMES = /** @type {Category[]} */ (Object.keys(CATEGORIES));
const CATEGORY_OF_STATE = new Map(
  CATEGORY_NAMES.flatMap((name) => CATEGORIES[name].states.map((state) => /** @type {const} */ ([state, name]))),
);

/** @type {Category[]} */
const TABLE_COLUMNS = ["running", "stopped", "transitioning", "failed", "unobserved"];

/**
 * @param {LoadedHistory} history
 * @param {boolean} showsAllEvents
 */
export function renderHistory(history, showsAllEvents) {
  const {events, summary, id, days, loadedAt} = history;
  const key = [id, days, loadedAt];
  replaceChildren(byId("totals"), key, () => totals(summary));
  renderTimeline(history, key);
  replaceChildren(byId("legend"), "legend", legend);
  replaceChildren(byId("usage-rows"), key, () => localDays(history).map(tableRow));
  const newestFirst = events.toReversed();
  const shown = showsAllEvents ? newestFirst : newestFirst.slice(0, FEW_EVENTS);
  replaceChildren(byId("events"), [...key, showsAllEvents], () => shown.map((event) => eventItem(event, loadedAt)));
  setText("events-note", eventsNote(history));
  setText("show-all", `Show all ${events.length}`);
  setVisible("show-all", shown.length < events.length);
}

/**
 * The text below the timeline, about a day or what the pointer is at.
 * @param {LoadedHistory} history
 * @param {TimelineTarget | null} target
 */
export function timelineNote(history, target) {
  if (target === null) return TIMELINE_HINT;
  const day = localDays(history)[target.day];
  const at = target.fraction === undefined ? NaN : day.start + target.fraction * (day.end - day.start);
  const segment = day.segments.find(({start, end}) => start <= at && at < end);
  return segment ? `${dayName(day.start)}: ${segmentText(segment)}.` : dayText(day);
}

/**
 * The days of the browser's time zone, the newest first.
 * @param {LoadedHistory} history
 * @returns {Day[]}
 */
function localDays({periods, days, loadedAt}) {
  return Array.from({length: days}, (_, back) => {
    const start = startOfDay(loadedAt, -back);
    const end = startOfDay(loadedAt, 1 - back);
    const segments = periods.flatMap((period) => clip(period, start, end));
    const dayTotals = {running: 0, failed: 0, transitioning: 0, stopped: 0, unobserved: 0};
    for (const segment of segments) dayTotals[segment.category] += segment.end - segment.start;
    return {start, end, segments, totals: dayTotals};
  });
}

/**
 * The part of a period that lies within a day, if any.
 * @param {Period} period
 * @param {number} dayStart
 * @param {number} dayEnd
 * @returns {Segment[]}
 */
function clip(period, dayStart, dayEnd) {
  const start = Math.max(dayStart, parseTime(period.from));
  const end = Math.min(dayEnd, parseTime(period.until));
  const category = CATEGORY_OF_STATE.get(period.state) ?? "unobserved";
  return start < end ? [{start, end, category}] : [];
}

/** @param {Segment} segment */
function segmentText({start, end, category}) {
  return `${CATEGORIES[category].title} ${clockTime(start)} to ${clockTime(end)} (${duration(end - start)})`;
}

/** @param {Day} day */
function dayText({start, segments, totals: dayTotals}) {
  const running = segments
    .filter(({category}) => category === "running")
    .map((segment) => `${clockTime(segment.start)} to ${clockTime(segment.end)}`);
  const sums = CATEGORY_NAMES.filter((name) => dayTotals[name] > 0).map(
    (name) => `${CATEGORIES[name].title} ${duration(dayTotals[name])}`,
  );
  return `${dayName(start)}: ${sums.join(", ")}${running.length ? `. Awake ${running.join(", ")}` : ""}.`;
}

/**
 * All days are one tab stop; the arrow keys move between them.
 * @param {LoadedHistory} history
 * @param {unknown} key
 */
function renderTimeline(history, key) {
  const timeline = byId("timeline");
  const focused = [...timeline.querySelectorAll(".bar")].findIndex((bar) => bar === document.activeElement);
  if (!replaceChildren(timeline, key, () => [...localDays(history).map(timelineRow), hourScale()])) return;
  const bars = /** @type {NodeListOf<SVGElement>} */ (timeline.querySelectorAll(".bar"));
  const tabStop = Math.min(Math.max(focused, 0), bars.length - 1);
  bars.forEach((bar, index) => bar.setAttribute("tabindex", index === tabStop ? "0" : "-1"));
  if (focused >= 0) bars[tabStop].focus();
}

/**
 * @param {Day} day
 * @param {number} index
 */
function timelineRow(day, index) {
  const bar = createBar(day.segments, day.start, day.end);
  setAttributes(bar, {role: "img", "aria-label": dayText(day), "data-day": String(index)});
  const row = createElement("div", {class: "day"});
  row.append(createElement("span", {class: "day-name"}, dayName(day.start)), bar);
  row.append(createElement("span", {class: "day-total"}, narrowDuration(day.totals.running)));
  return row;
}

/**
 * @param {Segment[]} segments
 * @param {number} start
 * @param {number} end
 */
function createBar(segments, start, end) {
  // In minutes: browsers draw nothing beyond some tens of millions of units.
  const minutes = (/** @type {number} */ ms) => String(ms / MINUTE);
  const attributes = {viewBox: `0 0 ${minutes(end - start)} 20`, preserveAspectRatio: "none", class: "bar"};
  const shapes = segments.map((segment) => {
    const x = minutes(segment.start - start);
    const width = minutes(segment.end - segment.start);
    const {height} = CATEGORIES[segment.category];
    const classes = {class: `segment ${segment.category}`};
    if (segment.category === "unobserved") return createSvg("path", {d: `M${x} 17h${width}`, ...classes});
    return createSvg("rect", {x, y: String(20 - height), width, height: String(height), ...classes});
  });
  return createSvg("svg", attributes, ...shapes);
}

function hourScale() {
  const midnight = startOfDay(0);
  const hours = [0, 6, 12, 18].map((hour) => createElement("span", {}, clockTime(midnight + hour * HOUR)));
  return createElement("div", {class: "hours", "aria-hidden": "true"}, ...hours);
}

function legend() {
  return CATEGORY_NAMES.map((category) => {
    const sample = createBar([{start: 0, end: MINUTE, category}], 0, MINUTE);
    sample.setAttribute("aria-hidden", "true");
    return createElement("li", {}, sample, CATEGORIES[category].title);
  });
}

/** @param {Summary} summary */
function totals(summary) {
  const shown = [
    total("Awake", preciseHours(summary.running_hours)),
    total("Asleep", preciseHours(summary.stopped_hours)),
    total("Not billed", preciseHours(summary.saved_hours)),
    total("Saved", savings(summary)),
    total("Starts", count(summary.starts)),
  ];
  if (summary.median_wake_seconds !== null) {
    shown.push(total("Usual wait", approximate(summary.median_wake_seconds * SECOND)));
  }
  if (summary.unobserved_hours > 0.05) shown.push(total("Not observed", preciseHours(summary.unobserved_hours)));
  return shown;
}

/** @param {Summary} summary */
function savings({running_hours, saved_hours, saved_usd}) {
  const observed = running_hours + saved_hours;
  if (observed === 0) return "–";
  const share = percent(saved_hours / observed);
  return saved_usd === null ? share : `${share} (${money(saved_usd)})`;
}

/**
 * @param {string} title
 * @param {string} value
 */
function total(title, value) {
  return createElement("div", {}, createElement("dt", {}, title), createElement("dd", {}, value));
}

/** @param {Day} day */
function tableRow(day) {
  const cells = TABLE_COLUMNS.map((category) => createElement("td", {}, narrowDuration(day.totals[category])));
  return createElement("tr", {}, createElement("th", {scope: "row"}, dayName(day.start)), ...cells);
}

/** @param {number} ms */
function narrowDuration(ms) {
  return ms > 0 ? duration(ms, NARROW_UNITS) : "–";
}

/**
 * @param {HistoryEvent} event
 * @param {number} now
 */
function eventItem({at, event, by, detail}, now) {
  const initiator = by === null || detail.includes(by) ? "" : ` – ${by}`;
  const text = createElement("span", {}, localizeTimes(detail, now), createElement("span", {class: "note"}, initiator));
  const time = createElement("time", {datetime: at}, dateTime(parseTime(at), now));
  return createElement("li", {tabindex: "-1"}, time, createElement("strong", {}, EVENT_TITLES[event] ?? event), text);
}

/** @param {LoadedHistory} history */
function eventsNote({events, summary}) {
  if (events.length === 0) return "No activity in this period.";
  return summary.events_left_out > 0 ? `${count(summary.events_left_out)} older events are not shown.` : "";
}

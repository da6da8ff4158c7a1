// The past: what the history says, as a timeline, a table, sums and a list.

const FEW_EVENTS = 8;
const LOOKS = {
  awake: {title: "awake", of: ["running", "busy"]},
  failed: {title: "failed", of: ["failed"]},
  moving: {title: "starting or stopping", of: ["starting", "stopping"]},
  asleep: {title: "asleep", of: ["stopped"]},
  unseen: {title: "not observed", of: [null]},
};
const lookOf = (state) => Object.keys(LOOKS).find((look) => LOOKS[look].of.includes(state));

// One entry a local day, the newest first: {start, end, parts: [{start, end, look}], times: {awake: ms, …}}.
function daysOf(periods, count, now) {
  const days = [];
  for (let back = 0; back < count; back += 1) {
    const start = startOfDay(now, -back), end = startOfDay(now, 1 - back), parts = [];
    const times = Object.fromEntries(Object.keys(LOOKS).map((look) => [look, 0]));
    for (const period of periods) {
      const from = Math.max(start, time(period.from)), until = Math.min(end, time(period.until));
      if (from >= until) continue;
      const look = lookOf(period.state);
      parts.push({start: from, end: until, look});
      times[look] += until - from;
    }
    days.push({start, end, parts, times});
  }
  return days;
}

const dayName = (day) => WEEKDAY.format(day.start);

const spelled = (part) =>
  `${LOOKS[part.look].title} ${CLOCK.format(part.start)} to ${CLOCK.format(part.end)} (${span(part.end - part.start)})`;

function spelledDay(day) {
  const awake = day.parts.filter((part) => part.look === "awake");
  const when = awake.map((part) => `${CLOCK.format(part.start)} to ${CLOCK.format(part.end)}`);
  const sums = Object.keys(LOOKS)
    .filter((look) => day.times[look] > 0)
    .map((look) => `${LOOKS[look].title} ${span(day.times[look])}`);
  return `${dayName(day)}: ${sums.join(", ")}${when.length ? `. Awake ${when.join(", ")}` : ""}.`;
}

// Each look has its own height, so that it can be told without colour; what nobody has seen is a dotted line.
const HEIGHTS = {awake: 20, failed: 20, moving: 12, asleep: 4};

function band(parts, start, end) {
  // In minutes: browsers draw nothing beyond some ten millions of units.
  const width = (end - start) / MINUTE;
  const drawing = shape("svg", {viewBox: `0 0 ${width} 20`, preserveAspectRatio: "none", class: "band"});
  for (const part of parts) {
    const x = (part.start - start) / MINUTE, wide = (part.end - part.start) / MINUTE, high = HEIGHTS[part.look];
    const attributes = {class: `look ${part.look}`};
    if (part.look === "unseen") drawing.append(shape("path", {d: `M${x} 17h${wide}`, ...attributes}));
    else drawing.append(shape("rect", {x, y: 20 - high, width: wide, height: high, ...attributes}));
  }
  return drawing;
}

function dayRow(day) {
  const drawing = band(day.parts, day.start, day.end);
  const text = spelledDay(day);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", text);
  drawing.addEventListener("focus", () => say("pointed", text));
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const at = day.start + ((event.clientX - box.left) / box.width) * (day.end - day.start);
    const part = day.parts.find(({start, end}) => start <= at && at < end);
    say("pointed", part ? `${dayName(day)}: ${spelled(part)}.` : text);
  });
  const row = element("div", {class: "day"});
  row.append(element("span", {class: "day-name"}, dayName(day)), drawing);
  row.append(element("span", {class: "day-awake"}, day.times.awake > 0 ? span(day.times.awake, SMALL_UNITS) : "–"));
  return row;
}

function hours() {
  const marks = element("div", {class: "hours", "aria-hidden": "true"});
  const midnight = startOfDay(0);
  for (const hour of [0, 6, 12, 18]) marks.append(element("span", {}, CLOCK.format(midnight + hour * HOUR)));
  return marks;
}

function legend() {
  return Object.entries(LOOKS).map(([look, {title}]) => {
    const sample = band([{start: 0, end: MINUTE, look}], 0, MINUTE);
    sample.setAttribute("aria-hidden", "true");
    return element("li", {}, sample, title);
  });
}

function sum(title, value) {
  return element("div", {}, element("dt", {}, title), element("dd", {}, value));
}

function sums(summary) {
  const number = new Intl.NumberFormat(LANGUAGE, {maximumFractionDigits: 1});
  const money = new Intl.NumberFormat(LANGUAGE, {style: "currency", currency: "USD", currencyDisplay: "narrowSymbol"});
  const percent = new Intl.NumberFormat(LANGUAGE, {style: "percent", maximumFractionDigits: 0});
  const hour = (value) => PRECISE_HOURS.format(value);
  const observed = summary.running_hours + summary.saved_hours;
  const saved = observed > 0 ? [percent.format(summary.saved_hours / observed)] : [];
  if (summary.saved_usd !== null) saved.push(money.format(summary.saved_usd));
  const shown = [
    sum("Awake", hour(summary.running_hours)),
    sum("Asleep", hour(summary.stopped_hours)),
    sum("Not billed", hour(summary.saved_hours)),
    sum("Saved", saved.join(" · ") || "–"),
    sum("Came up", summary.starts === 1 ? "once" : `${number.format(summary.starts)} times`),
  ];
  if (summary.median_wake_seconds !== null) shown.push(sum("Usual wait", about(summary.median_wake_seconds * SECOND)));
  if (summary.unobserved_hours > 0.05) shown.push(sum("Not observed", hour(summary.unobserved_hours)));
  return shown;
}

function dayInTable(day) {
  const cells = ["awake", "asleep", "moving", "failed", "unseen"].map((look) =>
    element("td", {}, day.times[look] > 0 ? span(day.times[look], SMALL_UNITS) : "–"));
  return element("tr", {}, element("th", {scope: "row"}, dayName(day)), ...cells);
}

function eventInList(event, now) {
  const by = event.by === null || event.detail.includes(event.by) ? "" : ` – ${event.by}`;
  const at = element("time", {datetime: event.at}, moment(time(event.at), now));
  return element("li", {tabindex: "-1"}, at, element("strong", {}, EVENTS[event.event] ?? event.event),
    element("span", {}, localized(event.detail, now), element("span", {class: "note"}, by)));
}

// One stop of the Tab key for all days; the arrow keys go from one to the next.
function drawTimeline(rows) {
  const before = [...$("timeline").querySelectorAll(".band")], at = before.indexOf(document.activeElement);
  $("timeline").replaceChildren(...rows.map(dayRow), hours());
  const bands = [...$("timeline").querySelectorAll(".band")], stop = Math.min(Math.max(at, 0), bands.length - 1);
  bands.forEach((one, index) => one.setAttribute("tabindex", index === stop ? "0" : "-1"));
  if (at >= 0) bands[stop].focus();
  else if (before.length !== bands.length) say("pointed", "Point at a day, or go there with the Tab and arrow keys, to see more.");
}

function walkTimeline(event) {
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key], bands = [...$("timeline").querySelectorAll(".band")];
  const next = bands[bands.indexOf(event.target) + step];
  if (next === undefined) return;
  event.preventDefault();
  event.target.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

// Shows a history as the API gives it; `all` its events, or a few.
function drawHistory({events, summary}, days, all, now) {
  const rows = daysOf(summary.periods, days, now);
  drawTimeline(rows);
  $("legend").replaceChildren(...legend());
  $("days").replaceChildren(...rows.map(dayInTable));
  $("sums").replaceChildren(...sums(summary));
  const newest = events.toReversed();
  const shown = all ? newest : newest.slice(0, FEW_EVENTS);
  $("events").replaceChildren(...shown.map((event) => eventInList(event, now)));
  const left = summary.events_left_out, older = left ? ` ${new Intl.NumberFormat(LANGUAGE).format(left)} older ones are not shown.` : "";
  say("no-events", events.length ? older.trim() : "Nothing has been recorded in this time.");
  say("more", `Show all ${events.length}`);
  show("more", shown.length < events.length);
}

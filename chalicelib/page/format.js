// What is shown, in words: pure functions of what the API says and of the time in ms. No document, no requests.

const LANGUAGE = navigator.languages.find((one) => one.startsWith("en")) ?? "en-GB";
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE;

const MOODS = {
  asleep: {title: "Asleep"},
  waking: {title: "Waking up"},
  awake: {title: "Awake"},
  dozing: {title: "Going to sleep"},
  busy: {title: "Busy"},
  failed: {title: "Needs a person"},
};
const MOOD_OF_STATE = {
  stopped: "asleep", starting: "waking", running: "awake", stopping: "dozing", busy: "busy", failed: "failed",
};
const SOURCES = {
  query: "The last query was", restart: "A restart was asked for", started: "It was seen to come up",
  metric: "The activity metric was last above its number",
};
const EVENTS = {
  "first-seen": "First seen", "restart-requested": "Restart asked for", "restart-expired": "Restart given up",
  "restart-dropped": "Restart impossible", "starting": "Starting", "start-failed": "Start failed",
  "available": "Awake", "stopping": "Going to sleep", "stop-failed": "Stop failed", "stopped": "Asleep",
  "busy": "Busy", "failed": "Needs a person", "hold-set": "Kept awake", "hold-ended": "No longer kept awake",
};

// What becomes of its sleep, by the reason why no time can be given.
const NO_STOP = {
  "stopped": "It sleeps until somebody starts it.",
  "stopping": "It is going to sleep now.",
  "held": "Not while it is kept awake.",
  "busy": "Not while RDS is at work on it.",
  "failed": "Not before somebody has mended it.",
  "activity-unreadable": "Not before its activity item is mended.",
  "metric-unknown": "Not while the activity metric is silent.",
};

const time = (iso) => (iso === null ? null : Date.parse(iso));

function moodOf(database) {
  if (database.restart_requested_at !== null && ["stopped", "stopping", "busy"].includes(database.state)) {
    return "waking";
  }
  return MOOD_OF_STATE[database.state];
}

const isMoving = (database) =>
  ["starting", "stopping", "busy"].includes(database.state) || database.restart_requested_at !== null;

const unit = (name, unitDisplay, maximumFractionDigits = 0) =>
  new Intl.NumberFormat(LANGUAGE, {style: "unit", unit: name, unitDisplay, maximumFractionDigits});
const units = (display) =>
  Object.fromEntries(["second", "minute", "hour", "day"].map((name) => [name, unit(name, display)]));
const UNITS = units("short"), SMALL_UNITS = units("narrow"), PRECISE_HOURS = unit("hour", "short", 1);

// "40 secs", "12 mins", "3 hrs 5 mins", "4 days 2 hrs" (in small units "3h 5m"): rounded down, as people say it.
function span(ms, {second, minute, hour, day} = UNITS) {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  if (minutes < 1) return second.format(seconds);
  if (hours < 1) return minute.format(minutes);
  if (days < 2) return hour.format(hours) + (minutes % 60 ? ` ${minute.format(minutes % 60)}` : "");
  return day.format(days) + (hours % 24 ? ` ${hour.format(hours % 24)}` : "");
}

// The time that is left: never "0 sec" before it is over.
const left = (ms) => span(ms < MINUTE ? Math.ceil(ms / SECOND) * SECOND : Math.ceil(ms / MINUTE) * MINUTE);

// How long something usually takes: the seconds of it are nobody's business.
const about = (ms) => span(ms < 2 * MINUTE ? ms : Math.round(ms / MINUTE) * MINUTE);

const ago = (ms) => (ms < MINUTE ? "just now" : `${span(ms)} ago`);

const CLOCK = new Intl.DateTimeFormat(LANGUAGE, {hour: "numeric", minute: "2-digit"});
const WEEKDAY = new Intl.DateTimeFormat(LANGUAGE, {weekday: "short", day: "numeric", month: "short"});

function startOfDay(ms, days = 0) {
  const day = new Date(ms);
  // By the calendar, not by 24 hours: a day may have 23 or 25.
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days).getTime();
}

// By the calendar and the clock on the wall.
function tomorrowAt(hour, now) {
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1, hour).getTime();
}

// As an input of the type datetime-local has it.
function localInput(ms) {
  const two = (number) => String(number).padStart(2, "0"), at = new Date(ms);
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

// "15:30", "tomorrow 8:00", "Mon 30 Nov, 9:12".
function moment(ms, now) {
  const clock = CLOCK.format(ms), day = startOfDay(ms);
  if (day === startOfDay(now)) return clock;
  if (day === startOfDay(now, 1)) return `tomorrow ${clock}`;
  if (day === startOfDay(now, -1)) return `yesterday ${clock}`;
  return `${WEEKDAY.format(ms)}, ${clock}`;
}

// The API's sentences name times in UTC.
const localized = (sentence, now) =>
  sentence.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (iso) => moment(Date.parse(iso), now));

function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const parts = new Intl.DateTimeFormat(LANGUAGE, {timeZoneName: "short"}).formatToParts();
  return `Times are in ${name} (${parts.find((part) => part.type === "timeZoneName").value}).`;
}

// `began` is when the start began, `hitch` why it has not, as far as is known.
function progress(database, began, hitch, now) {
  const ready = time(database.estimated_ready_at);
  if (database.state !== "starting") {
    const why = hitch ?? (database.state === "stopped" ? "RDS has yet to accept the start." : "RDS has to finish first.");
    return {value: null, text: `${why} From then on it takes about ${about((ready ?? now) - now)}.`};
  }
  if (began === null || ready === null || ready <= began) return {value: null, text: "It is on its way."};
  const usual = ready - began, elapsed = now - began;
  if (elapsed > usual) {
    return {value: 0.98, text: `Longer than usual: ${span(elapsed)} so far, usually ${about(usual)}.`};
  }
  const value = Math.min(0.98, Math.max(0, elapsed / usual));
  return {value, text: `About ${left(usual - elapsed)} left; usually it takes ${about(usual)}.`};
}

function whenItSleeps(database, now) {
  const stops = time(database.stops_at);
  if (moodOf(database) === "waking") return "Not before it is up.";
  if (stops !== null && stops > now) return `In ${left(stops - now)}, at ${moment(stops, now)}, unless it is used.`;
  if (stops !== null) return "At the next check: it has been idle for long enough.";
  return NO_STOP[database.reason] ?? "Not as things stand.";
}

// What to know beside that: its last use or, while it sleeps, AWS's seven-day rule.
function besides(database, now) {
  const at = time(database.last_activity_at), again = time(database.automatic_restart_at);
  if (database.state === "stopped") {
    if (again === null) return "";
    return `AWS lets no database sleep for more than seven days: it starts this one on ${moment(again, now)}. ` +
      "It is then stopped again at once.";
  }
  if (at === null) return "No use of it is known. Queries, restarts and starts count as use.";
  return `${SOURCES[database.last_activity_source]} ${ago(now - at)}. Queries, restarts and starts count as use.`;
}

// Why the button cannot be pressed; "" where it can.
function whyNotStart(database, mayOperate) {
  if (!mayOperate) return "Your token may look only. Starting takes an operator's token.";
  if (database.state === "failed") return "It cannot be started before somebody has mended it.";
  if (database.ready || database.state === "running") return "It is awake.";
  if (database.state === "starting" || database.restart_requested_at !== null) return "It is on its way; nothing to do.";
  return "";
}

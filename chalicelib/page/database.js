// The texts of the page about one database. Pure functions of the API's responses and of the time in milliseconds.

import {ago, approximate, dateTime, duration, parseTime, remaining} from "./format.js";

/** @import {Database, DatabaseState, EventName, HistoryEvent} from "./api.js" */

/** @type {Record<DatabaseState, string>} */
export const STATE_TITLES = {
  stopped: "Asleep",
  starting: "Waking up",
  running: "Awake",
  stopping: "Going to sleep",
  busy: "Busy",
  failed: "Action required",
};

/** @type {Record<EventName, string>} */
export const EVENT_TITLES = {
  "first-seen": "Monitoring started",
  replaced: "Replaced",
  "restart-requested": "Restart requested",
  "restart-expired": "Restart expired",
  "restart-cancelled": "Restart cancelled",
  starting: "Starting",
  "start-failed": "Start failed",
  available: "Awake",
  stopping: "Going to sleep",
  "stop-failed": "Stop failed",
  stopped: "Asleep",
  busy: "Busy",
  failed: "Action required",
  "hold-set": "Kept awake",
  "hold-ended": "No longer kept awake",
};

/** Failed databases that RDS starts once the cause is fixed. */
const STARTABLE_FAILURES = ["incompatible-network", "inaccessible-encryption-credentials-recoverable"];

/** @type {EventName[]} */
const START_RESULTS = ["available", "stopped", "start-failed", "failed"];

/** @type {Record<NonNullable<Database["last_activity_source"]>, string>} */
const LAST_ACTIVITY = {
  query: "The last query was",
  restart: "The last restart request was",
  started: "It became available, or was first observed,",
  metric: "The activity metric was last above its threshold",
};

/**
 * The text about the next stop if its time is not known.
 * @type {Partial<Record<Database["reason"], string>>}
 */
const NO_STOP_TIME = {
  stopped: "It stays asleep until someone starts it.",
  stopping: "It is going to sleep now.",
  held: "Not while it is kept awake.",
  busy: "Not while an RDS operation is in progress.",
  failed: "Not until the problem is resolved.",
  "activity-unreadable": "Not until the activity item is fixed.",
  "cannot-stop": "Not while RDS refuses to stop it.",
  "metric-unknown": "Not while the activity metric is unknown.",
  "pending-modifications": "Not until the waiting modifications are applied or revoked.",
  "unreported-connections": "Not while connections are open.",
};

/**
 * The state as the page shows it: a pending restart counts as starting.
 * @param {Database} database
 * @returns {DatabaseState}
 */
export function displayState({state, restart_requested_at}) {
  const isPending = restart_requested_at !== null && ["stopped", "stopping", "busy"].includes(state);
  return isPending ? "starting" : state;
}

/** @param {Database} database */
export function displayTitle(database) {
  return STATE_TITLES[displayState(database)];
}

/** @param {Database} database */
export function isChanging({state, restart_requested_at}) {
  return ["starting", "stopping", "busy"].includes(state) || restart_requested_at !== null;
}

/**
 * Why the database cannot be started now; empty where it can.
 * @param {Database} database
 * @param {boolean} mayOperate
 */
export function startBlocker({state, status, ready, restart_requested_at}, mayOperate) {
  if (!mayOperate) return "Read-only access; an operator token is needed to start it.";
  if (state === "failed" && !STARTABLE_FAILURES.includes(status ?? "")) {
    return "It cannot be started until the problem is resolved.";
  }
  if (ready || state === "running") return "It is awake.";
  if (state === "starting") return "It is starting; no action is needed.";
  if (restart_requested_at !== null) return "A restart is already requested; no action is needed.";
  return "";
}

/**
 * Whether a hold can be set.
 * @param {Database} database
 */
export function canBeHeld({state}) {
  return !["stopped", "stopping", "failed"].includes(state);
}

/**
 * The progress of a start. The value is between 0 and 1, or null where it is not known.
 * @param {Database} database
 * @param {HistoryEvent[]} events of the database, the oldest first; empty while they are not known
 * @param {number | undefined} observedStart when this page observed that it began to start
 * @param {number} now
 * @returns {{value: number | null, text: string}}
 */
export function startProgress(database, events, observedStart, now) {
  const ready = parseTime(database.estimated_ready_at);
  if (database.state !== "starting") {
    const wait = Number.isNaN(ready) ? 0 : ready - now;
    return {value: null, text: `${startDelay(database, events)} Starting then takes about ${approximate(wait)}.`};
  }
  const began = startTime(events) ?? observedStart;
  if (began === undefined || !(ready > began)) return {value: null, text: "The start is in progress."};
  const expected = ready - began;
  const elapsed = now - began;
  const value = Math.min(0.98, Math.max(0, elapsed / expected));
  if (elapsed > expected) {
    return {value, text: `Longer than usual: ${duration(elapsed)} so far, usually ${approximate(expected)}.`};
  }
  const left = remaining(expected - elapsed);
  return {value, text: `About ${left} left; a start usually takes ${approximate(expected)}.`};
}

/**
 * Why a requested start has not begun.
 * @param {Database} database
 * @param {HistoryEvent[]} events
 */
function startDelay(database, events) {
  const failed = lastEvent(events, "start-failed");
  if (failed && parseTime(failed.at) >= parseTime(database.restart_requested_at)) return failed.detail;
  if (database.state === "stopped") return "RDS has not accepted the start yet.";
  return "RDS must finish the current operation first.";
}

/**
 * When the start that is in progress began, if the events contain it.
 * @param {HistoryEvent[]} events
 */
function startTime(events) {
  const starting = lastEvent(events, "starting");
  if (!starting) return undefined;
  const began = parseTime(starting.at);
  const isOver = START_RESULTS.some((name) => parseTime(lastEvent(events, name)?.at) > began);
  return isOver ? undefined : began;
}

/**
 * @param {HistoryEvent[]} events
 * @param {EventName} name
 */
export function lastEvent(events, name) {
  return events.findLast(({event}) => event === name);
}

/**
 * When the database will be stopped.
 * @param {Database} database
 * @param {number} now
 */
export function nextStop(database, now) {
  if (displayState(database) === "starting") return "Not until it is awake.";
  if (database.stops_at === null) return NO_STOP_TIME[database.reason] ?? "Not at the moment.";
  const stops = parseTime(database.stops_at);
  if (stops > now) return `In ${remaining(stops - now)}, at ${dateTime(stops, now)}, unless it is used.`;
  return "At the next check: the idle timeout has passed.";
}

/**
 * The last activity or, while the database is stopped, when AWS starts it.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
 * @param {Database} database
 * @param {number} now
 */
export function activityNote(database, now) {
  if (database.state === "stopped") {
    if (database.automatic_restart_at === null) return "";
    const restart = dateTime(parseTime(database.automatic_restart_at), now);
    return `AWS starts every stopped database after seven days. Next automatic start: ${restart}. It is then stopped again.`;
  }
  const {last_activity_source: source, last_activity_at: at} = database;
  if (database.reason === "unreported-connections") {
    const open = database.stops_at === null ? "are open" : `were last open ${ago(now - parseTime(at))}`;
    return `Connections ${open}. They count as activity, because nobody reports queries.`;
  }
  const last = source && at ? `${LAST_ACTIVITY[source]} ${ago(now - parseTime(at))}.` : "No activity is recorded.";
  return `${last} Queries, restarts and starts count as activity.`;
}

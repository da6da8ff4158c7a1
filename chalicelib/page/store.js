// The state of the page. Events and responses change it here; each change renders the page.

import {displayState, displayTitle} from "./database.js";
import {SECOND} from "./format.js";
import {readStored, writeStored} from "./storage.js";

/** @import {Database, History} from "./api.js" */
/** @typedef {{id: string, days: number, key: string, loadedAt: number} & History} LoadedHistory */
/** @typedef {{id: string, at: number}} AwaitedStart */
/** @typedef {"status" | "sleep"} Card */
/** @typedef {{day: number, fraction?: number}} TimelineTarget the index of a day, and where in it the pointer is */

/**
 * @typedef {object} State
 * @property {string | null} token
 * @property {string} signInError
 * @property {number} session incremented by signing in and out: responses to an earlier session are ignored
 * @property {Database[] | null} databases
 * @property {string} selectedId
 * @property {string | null} role
 * @property {number | null} updatedAt
 * @property {number} failures polls that failed in a row
 * @property {number | null} retryAfter in seconds
 * @property {string} connectionError
 * @property {number | null} polling the session that a poll is in progress for
 * @property {number | undefined} pollTimer
 * @property {number} commands incremented when a command is sent and when its response arrives: older polls are ignored
 * @property {boolean} isSending
 * @property {{id: string, card: Card, text: string} | null} commandError
 * @property {Record<string, number>} observedStarts when each database was observed to begin starting
 * @property {AwaitedStart | null} awaitedStart the start that this tab requested
 * @property {number | null} redirectAt
 * @property {number} days
 * @property {LoadedHistory | null} history
 * @property {{key: string, at: number} | null} historyRequest
 * @property {string} historyError
 * @property {boolean} showsAllEvents
 * @property {TimelineTarget | null} timelineTarget
 * @property {string} announcement for screen readers
 * @property {number} clockOffset by how many milliseconds this device's clock is behind the server's
 */

/** @type {State} */
let state = {
  token: readStored("token"),
  signInError: "",
  session: 0,
  databases: null,
  selectedId: decodeURIComponent(location.hash.slice(1)),
  role: null,
  updatedAt: null,
  failures: 0,
  retryAfter: null,
  connectionError: "",
  polling: null,
  pollTimer: undefined,
  commands: 0,
  isSending: false,
  commandError: null,
  observedStarts: {},
  awaitedStart: JSON.parse(readStored("awaited-start") ?? "null"),
  redirectAt: null,
  days: 7,
  history: null,
  historyRequest: null,
  historyError: "",
  showsAllEvents: false,
  timelineTarget: null,
  announcement: "",
  clockOffset: 0,
};

/** @type {(() => void)[]} */
const subscribers = [];

/** @param {() => void} subscriber is called after each change */
export function subscribe(subscriber) {
  subscribers.push(subscriber);
}

/** @returns {Readonly<State>} */
export function getState() {
  return state;
}

/** @param {Partial<State>} changes */
export function update(changes) {
  state = {...state, ...changes};
  for (const subscriber of subscribers) subscriber();
}

/** The server's time. */
export function now() {
  return Date.now() + state.clockOffset;
}

/** The time for which the page is shown: while polls fail, no countdown continues. */
export function displayTime() {
  return state.failures > 0 && state.updatedAt !== null ? state.updatedAt : now();
}

/** @returns {Database | null} */
export function selectedDatabase() {
  return state.databases?.find(({id}) => id === state.selectedId) ?? state.databases?.[0] ?? null;
}

export function mayOperate() {
  return state.role === null || state.role === "operator";
}

/**
 * Changes whenever something happened that the history records.
 * @param {Database} database
 */
export function historyKey({id, status, restart_requested_at, hold_until}) {
  return JSON.stringify([id, state.days, status, restart_requested_at, hold_until]);
}

/**
 * The events of the database; empty while the history is not loaded, or not up to date.
 * @param {Database} database
 */
export function currentEvents(database) {
  return state.history?.key === historyKey(database) ? state.history.events : [];
}

/** @param {string | null} date the response's header, which has whole seconds */
export function setServerTime(date) {
  const difference = Date.parse(date ?? "") - Date.now();
  if (!Number.isNaN(difference)) update({clockOffset: Math.abs(difference) > 5 * SECOND ? difference : 0});
}

/** @param {string | null} token null signs out */
export function startSession(token) {
  writeStored("token", token);
  update({
    token,
    signInError: "",
    session: state.session + 1,
    databases: null,
    role: null,
    updatedAt: null,
    failures: 0,
    connectionError: "",
    isSending: false,
    commandError: null,
    redirectAt: null,
    history: null,
    historyRequest: null,
    historyError: "",
    showsAllEvents: false,
    timelineTarget: null,
  });
}

/** @param {AwaitedStart | null} awaitedStart */
export function setAwaitedStart(awaitedStart) {
  writeStored("awaited-start", awaitedStart && JSON.stringify(awaitedStart));
  update({awaitedStart});
}

/** @param {Database[]} databases */
export function setDatabases(databases, role = state.role) {
  const before = selectedDatabase();
  const observedStarts = Object.fromEntries(databases.flatMap(observedStart));
  update({databases, role, updatedAt: now(), observedStarts});
  const after = selectedDatabase();
  if (before && before.id === after?.id && displayState(before) !== displayState(after)) {
    update({commandError: null, announcement: displayTitle(after)});
  }
}

/**
 * @param {Database} database
 * @returns {[string, number][]}
 */
function observedStart({id, state: reported}) {
  if (reported !== "starting") return [];
  if (id in state.observedStarts) return [[id, state.observedStarts[id]]];
  const before = state.databases?.find((database) => database.id === id);
  return before && before.state !== "starting" ? [[id, now()]] : [];
}

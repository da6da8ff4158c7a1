// The actions of the user: sign in, select what is shown, start a database, set and end a hold.

import {AccessDenied, RequestFailed, endHold, restartDatabase, setHold} from "./api.js";
import {displayTitle} from "./database.js";
import {byId} from "./dom.js";
import {localizeTimes, tomorrowAt} from "./format.js";
import {FEW_EVENTS} from "./history.js";
import {loadHistory, poll} from "./poll.js";
import {awaitStart, cancelRedirect, checkAwaitedStart} from "./redirect.js";
import {getState, now, selectedDatabase, setAwaitedStart, setDatabases, startSession, update} from "./store.js";

/** @import {Database, Restarted} from "./api.js" */
/** @import {Card, TimelineTarget} from "./store.js" */

/** @param {string} token */
export async function signIn(token) {
  startSession(token);
  const {session} = getState();
  await poll();
  if (session === getState().session) byId(selectedDatabase() === null ? "sign-out" : "headline").focus();
}

export function start() {
  const id = selectedDatabase()?.id;
  if (id === undefined) return;
  awaitStart(id);
  void sendCommand("status", restartDatabase);
}

/** @param {number} hours */
export function holdFor(hours) {
  void sendCommand("sleep", (id) => setHold(id, {hours}));
}

/** @param {number | string} time in milliseconds, or as an input of the type datetime-local has it */
export function holdUntil(time) {
  const until = new Date(time).toISOString().replace(/\.\d+/, "");
  void sendCommand("sleep", (id) => setHold(id, {until}));
}

export function holdUntilMorning() {
  holdUntil(tomorrowAt(8, now()));
}

export function releaseHold() {
  void sendCommand("sleep", endHold);
  byId("headline").focus();
}

/** @param {string} id */
export function selectDatabase(id) {
  window.history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  update({selectedId: id, redirectAt: null, showsAllEvents: false, timelineTarget: null});
  const database = selectedDatabase();
  if (database) update({announcement: `${database.id}: ${displayTitle(database)}`});
  void loadHistory();
}

/** @param {number} days */
export function selectDays(days) {
  update({days, showsAllEvents: false, timelineTarget: null});
  void loadHistory();
}

export function showAllEvents() {
  update({showsAllEvents: true});
  const next = byId("events").children[FEW_EVENTS];
  if (next instanceof HTMLElement) next.focus();
}

/** @param {TimelineTarget} timelineTarget */
export function showDay(timelineTarget) {
  update({timelineTarget});
}

export function stayHere() {
  cancelRedirect();
  byId("headline").focus();
}

/**
 * @param {Card} card where an error is shown
 * @param {(id: string) => Promise<Database | Restarted>} send
 */
async function sendCommand(card, send) {
  const database = selectedDatabase();
  const {session, isSending} = getState();
  if (isSending || database === null) return;
  update({isSending: true, commandError: null, commands: getState().commands + 1});
  try {
    const result = await send(database.id);
    if (session !== getState().session) return;
    update({isSending: false, commands: getState().commands + 1});
    commandSucceeded(result);
  } catch (error) {
    if (session !== getState().session) return;
    const commandError = {id: database.id, card, text: describeError(error)};
    update({isSending: false, commands: getState().commands + 1, commandError});
    const isRejected = error instanceof AccessDenied || (error instanceof RequestFailed && error.status === 409);
    if (isRejected) setAwaitedStart(null);
  }
  void poll();
}

/** @param {Database | Restarted} result */
function commandSucceeded(result) {
  const changed = "database" in result ? result.database : result;
  const databases = getState().databases ?? [];
  setDatabases(databases.map((database) => (database.id === changed.id ? changed : database)));
  update({announcement: "message" in result ? result.message : localizeTimes(changed.detail, now())});
  checkAwaitedStart();
}

/** @param {unknown} error */
function describeError(error) {
  if (error instanceof RequestFailed) return localizeTimes(error.message, now());
  if (error instanceof AccessDenied) return "Read-only access; an operator token is needed.";
  return "The server did not respond. It may still have received the request; if nothing changes within a minute, try again.";
}

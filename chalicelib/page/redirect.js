// Opens the dashboard once the database is ready: only in the tab that requested the start, while it shows this database.

import {displayState} from "./database.js";
import {HOUR, MINUTE, SECOND, duration} from "./format.js";
import {getState, now, selectedDatabase, setAwaitedStart, update} from "./store.js";

/** @import {AwaitedStart} from "./store.js" */
/** @import {Database} from "./api.js" */

export const DASHBOARD_URL = document.querySelector("meta[name=dashboard]")?.getAttribute("content") ?? "";

const DELAY = 8 * SECOND;
const AWAITED_START_TTL = HOUR;
// A request that has had no effect by then did not reach the server.
const REQUEST_TTL = MINUTE;

/** @param {string} id */
export function awaitStart(id) {
  setAwaitedStart({id, at: now()});
}

/** Call this when the databases have changed. */
export function checkAwaitedStart() {
  const {awaitedStart, databases} = getState();
  if (awaitedStart === null) return;
  const database = databases?.find(({id}) => id === awaitedStart.id);
  if (database && isAwaited(awaitedStart, database)) return;
  setAwaitedStart(null);
  const isRecent = now() - awaitedStart.at <= AWAITED_START_TTL;
  if (isRecent && database?.ready && database.id === selectedDatabase()?.id && DASHBOARD_URL !== "") {
    const announcement = `Awake. The dashboard opens in ${duration(DELAY)}; select “Stay here” to cancel.`;
    update({redirectAt: now() + DELAY, announcement});
  }
}

/**
 * @param {AwaitedStart} awaitedStart
 * @param {Database} database
 */
function isAwaited({at}, database) {
  const age = now() - at;
  if (database.ready || age > AWAITED_START_TTL) return false;
  return displayState(database) === "starting" || age <= REQUEST_TTL;
}

export function cancelRedirect() {
  update({redirectAt: null});
}

/** Starts the countdown again, for a tab that was hidden. */
export function restartRedirectCountdown() {
  if (getState().redirectAt !== null) update({redirectAt: now() + DELAY});
}

export function redirectWhenDue() {
  const {redirectAt} = getState();
  if (redirectAt === null || redirectAt > now()) return;
  cancelRedirect();
  location.assign(DASHBOARD_URL);
}

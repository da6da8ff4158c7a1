// Polls the API, and stores the databases and their history in store.js.

import {AccessDenied, RequestFailed, getHistory, listDatabases} from "./api.js";
import {isChanging} from "./database.js";
import {byId} from "./dom.js";
import {MINUTE, SECOND, dateTime, localizeTimes, parseTime} from "./format.js";
import {checkAwaitedStart} from "./redirect.js";
import {
  getState,
  historyKey,
  now,
  selectedDatabase,
  setAwaitedStart,
  setDatabases,
  startSession,
  update,
} from "./store.js";

const CHANGING_INTERVAL = 3 * SECOND;
const STOP_DUE_INTERVAL = 10 * SECOND;
const IDLE_INTERVAL = 30 * SECOND;
const MAX_BACKOFF = 60 * SECOND;
const HISTORY_TTL = 5 * MINUTE;
const HISTORY_RETRY_INTERVAL = 30 * SECOND;

/** Polls now, unless a poll is in progress, and again later. */
export async function poll() {
  clearTimeout(getState().pollTimer);
  const {session, commands, polling, token} = getState();
  if (polling === session || document.hidden || token === null) return;
  update({polling: session});
  try {
    const {databases, role} = await listDatabases();
    if (session !== getState().session) return;
    connectionSucceeded();
    if (commands === getState().commands) {
      setDatabases(databases, role ?? getState().role);
      checkAwaitedStart();
    }
    if (isHistoryStale()) void loadHistory();
  } catch (error) {
    if (session !== getState().session) return;
    pollFailed(error);
  } finally {
    if (getState().polling === session) update({polling: null});
  }
  schedulePoll();
}

/** @param {string} reason shown above the sign-in button */
export function signOut(reason = "") {
  startSession(null);
  setAwaitedStart(null);
  update({signInError: reason});
  byId("token").focus();
}

/** Loads the history of the selected database. */
export async function loadHistory() {
  const database = selectedDatabase();
  if (database === null) return;
  const {days} = getState();
  const historyRequest = {key: historyKey(database), at: now()};
  update({historyRequest});
  // Signing out and every later request replace the request; only the response to the latest is used.
  const isLatest = () => getState().historyRequest === historyRequest;
  try {
    const history = await getHistory(database.id, days);
    if (!isLatest()) return;
    update({history: {...history, id: database.id, days, key: historyRequest.key, loadedAt: now()}, historyError: ""});
  } catch (error) {
    if (!isLatest()) return;
    const isExplained = error instanceof RequestFailed;
    update({historyError: isExplained ? localizeTimes(error.message, now()) : "The usage data could not be loaded."});
  }
}

function connectionSucceeded() {
  const {failures} = getState();
  if (failures > 0)
    update({failures: 0, retryAfter: null, connectionError: "", announcement: "The connection is restored."});
}

/** @param {unknown} error */
function pollFailed(error) {
  if (error instanceof AccessDenied) {
    signOut("This token is not accepted. It may be mistyped or revoked.");
    return;
  }
  const {failures, updatedAt, announcement} = getState();
  const message = describeFailure(error);
  const lastUpdate = updatedAt === null ? "" : ` Last update: ${dateTime(updatedAt, now())}.`;
  update({
    failures: failures + 1,
    retryAfter: error instanceof RequestFailed ? error.retryAfter : null,
    connectionError: `${localizeTimes(message, now())}${lastUpdate} The page retries automatically.`,
    announcement: failures === 0 ? message : announcement,
  });
}

/** @param {unknown} error */
function describeFailure(error) {
  if (!navigator.onLine) return "This device is offline.";
  return error instanceof RequestFailed ? error.message : "The server does not respond.";
}

function schedulePoll() {
  clearTimeout(getState().pollTimer);
  if (!document.hidden && getState().token !== null) update({pollTimer: setTimeout(poll, pollDelay())});
}

function pollDelay() {
  const {failures, retryAfter, databases} = getState();
  if (failures > 0) {
    // Jitter, so that tabs with the same failure do not retry at the same time.
    const backoff = Math.min(MAX_BACKOFF, SECOND * 2 ** failures) * (0.8 + 0.4 * Math.random());
    return Math.max(backoff, (retryAfter ?? 0) * SECOND);
  }
  if (databases?.some(isChanging)) return CHANGING_INTERVAL;
  const database = selectedDatabase();
  const stopDelay = parseTime(database?.stops_at) - now() + SECOND;
  const holdDelay = parseTime(database?.hold_until) - now() + SECOND;
  const interval = stopDelay < 0 ? STOP_DUE_INTERVAL : IDLE_INTERVAL;
  return Math.min(interval, ...[stopDelay, holdDelay].filter((delay) => delay > 0));
}

function isHistoryStale() {
  const database = selectedDatabase();
  if (database === null) return false;
  const {historyRequest, historyError} = getState();
  if (historyRequest?.key !== historyKey(database)) return true;
  return now() - historyRequest.at > (historyError ? HISTORY_RETRY_INTERVAL : HISTORY_TTL);
}

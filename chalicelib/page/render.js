// Renders the state of store.js into the document.

import {
  STATE_TITLES,
  activityNote,
  canBeHeld,
  displayState,
  displayTitle,
  lastEvent,
  nextStop,
  startBlocker,
  startProgress,
} from "./database.js";
import {byId, createElement, createIcon, replaceChildren, setEnabled, setTab, setText, setVisible} from "./dom.js";
import {dateTime, localizeTimes, parseTime, remaining, timeZone} from "./format.js";
import {renderHistory, timelineNote} from "./history.js";
import {DASHBOARD_URL} from "./redirect.js";
import {currentEvents, displayTime, getState, mayOperate, now, selectedDatabase} from "./store.js";

/** @import {Database} from "./api.js" */

const MAX_BUTTONS = 6;

export function render() {
  const {token, databases, failures, connectionError, role, signInError, announcement} = getState();
  const isSignedIn = token !== null;
  const database = isSignedIn ? selectedDatabase() : null;
  setVisible("sign-in", !isSignedIn);
  setVisible("sign-out", isSignedIn);
  setVisible("loading", isSignedIn && database === null && failures === 0);
  setVisible("connection-error", isSignedIn && failures > 0);
  setVisible("database", database !== null);
  setText("connection-error", connectionError);
  setText("sign-in-error", signInError);
  setText("role", isSignedIn && role ? `Signed in as ${role}` : "");
  setText("time-zone", timeZone());
  renderDatabaseList(databases ?? [], database);
  if (database === null) {
    setTab("stopped", isSignedIn ? "Database" : "Sign in – database");
  } else {
    renderStatus(database, displayTime());
    renderSleep(database, displayTime());
    renderUsage(database);
  }
  setText("announcement", announcement);
}

/**
 * @param {Database[]} databases
 * @param {Database | null} selected
 */
function renderDatabaseList(databases, selected) {
  const usesMenu = databases.length > MAX_BUTTONS;
  setVisible("databases", databases.length > 1);
  setVisible("database-buttons", !usesMenu);
  setVisible("database-menu", usesMenu);
  const list = byId(usesMenu ? "database-select" : "database-buttons");
  const focusedId = document.activeElement?.getAttribute("data-id");
  const key = databases.map((database) => [database.id, displayState(database), database.id === selected?.id]);
  const createItem = usesMenu ? databaseOption : databaseButton;
  const isReplaced = replaceChildren(list, key, () =>
    databases.map((database) => createItem(database, database.id === selected?.id)),
  );
  if (isReplaced && focusedId) {
    /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${CSS.escape(focusedId)}"]`))?.focus();
  }
}

/**
 * @param {Database} database
 * @param {boolean} isSelected
 */
function databaseOption(database, isSelected) {
  return new Option(`${database.id} – ${displayTitle(database)}`, database.id, isSelected, isSelected);
}

/**
 * @param {Database} database
 * @param {boolean} isSelected
 */
function databaseButton(database, isSelected) {
  const title = createElement("span", {class: "note"}, displayTitle(database));
  const icon = createIcon(displayState(database), 20);
  const button = createElement("button", {type: "button", "data-id": database.id}, icon, database.id, title);
  if (isSelected) button.setAttribute("aria-current", "true");
  return createElement("li", {}, button);
}

/**
 * @param {Database} database
 * @param {number} at
 */
function renderStatus(database, at) {
  const state = displayState(database);
  setTab(state, `${STATE_TITLES[state]} – ${database.id}`);
  replaceChildren(byId("icon"), state, () => [createIcon(state, 72)]);
  setText("database-name", database.id);
  setText("headline", STATE_TITLES[state]);
  setText("detail", localizeTimes(database.detail, at));
  setVisible("start-progress", state === "starting");
  if (state === "starting") renderProgress(database, at);
  const blocker = getState().isSending ? "Sending the request …" : startBlocker(database, mayOperate());
  setEnabled(byId("start"), blocker === "");
  setText("start-note", blocker);
  setVisible("dashboard", database.ready && DASHBOARD_URL !== "");
  setText("status-error", commandErrorText("status", database));
  renderRedirect();
}

/**
 * @param {Database} database
 * @param {number} at
 */
function renderProgress(database, at) {
  const observedStart = getState().observedStarts[database.id];
  const {value, text} = startProgress(database, currentEvents(database), observedStart, at);
  const bar = byId("progress", HTMLProgressElement);
  if (value === null) bar.removeAttribute("value");
  else bar.value = value;
  setText("progress-note", text);
}

function renderRedirect() {
  const {redirectAt} = getState();
  setVisible("redirect", redirectAt !== null);
  if (redirectAt !== null) {
    setText("redirect-note", `Opening the dashboard in ${remaining(Math.max(0, redirectAt - now()))} …`);
  }
}

/**
 * @param {Database} database
 * @param {number} at
 */
function renderSleep(database, at) {
  setText("next-stop", nextStop(database, at));
  setText("activity-note", activityNote(database, at));
  setVisible("hold", database.hold_until !== null);
  if (database.hold_until !== null) {
    const until = dateTime(parseTime(database.hold_until), at);
    const by = lastEvent(currentEvents(database), "hold-set")?.by;
    setText("hold-note", `Kept awake until ${until}${by ? ` by ${by}` : ""}.`);
  }
  const holdForm = byId("hold-form");
  if (!canBeHeld(database) && holdForm.contains(document.activeElement)) byId("headline").focus();
  setVisible("hold-form", canBeHeld(database));
  const isEnabled = mayOperate() && !getState().isSending;
  for (const button of byId("sleep").querySelectorAll("button")) setEnabled(button, isEnabled);
  setText("hold-access", mayOperate() ? "" : "Read-only access; an operator token is needed to keep it awake.");
  setText("sleep-error", commandErrorText("sleep", database));
}

/**
 * The error of the last command, for the card and the database that it was sent from.
 * @param {"status" | "sleep"} card
 * @param {Database} database
 */
function commandErrorText(card, database) {
  const {commandError} = getState();
  return commandError?.card === card && commandError.id === database.id ? commandError.text : "";
}

/** @param {Database} database */
function renderUsage(database) {
  const {history, days, historyError, showsAllEvents} = getState();
  for (const button of document.querySelectorAll("[data-days]")) {
    button.setAttribute("aria-pressed", String(Number(button.getAttribute("data-days")) === days));
  }
  const isLoaded = history?.id === database.id && history.days === days;
  setVisible("usage-content", isLoaded);
  if (isLoaded) {
    renderHistory(history, showsAllEvents);
    // Read again: the timeline sets the target when it restores the focus.
    setText("timeline-note", timelineNote(history, getState().timelineTarget));
  }
  setText("usage-note", historyError || (isLoaded ? "" : "Loading the usage data …"));
}

// What the page knows, when it looks, and what its buttons do. One way: ask → know → draw.

const DASHBOARD = document.querySelector("meta[name=dashboard]").content;
const AWAITED = "rds-lifecycle.awaited"; // the database that this tab has asked for, and waits for
const MOVING_POLL = 3 * SECOND, OVERDUE_POLL = 10 * SECOND, QUIET_POLL = 30 * SECOND, LONGEST_POLL = 60 * SECOND;
const HISTORY_POLL = 5 * MINUTE, JUMP_AFTER = 8 * SECOND;

const known = {
  databases: null, id: null, role: null, failures: 0, changes: 0, busy: false, retryAfter: null,
  startsSeen: {}, history: null, days: 7, all: false, jumpAt: null,
};
let timer = null, looking = false;

const database = () => known.databases?.find(({id}) => id === known.id) ?? known.databases?.[0] ?? null;
const mayOperate = () => known.role === null || known.role === "operator";

// --- look ---

async function look() {
  clearTimeout(timer);
  if (looking || document.hidden || token.read() === null) return;
  looking = true;
  const changes = known.changes, bearer = token.read();
  try {
    const answer = await ask("GET", "databases");
    // What was asked before a button's answer came may be older than that answer.
    if (changes === known.changes && bearer === token.read()) learn(answer.value.databases, answer.role);
    known.failures = 0;
    known.retryAfter = null;
    say("trouble", "");
  } catch (error) {
    await cannotLook(error);
  }
  looking = false;
  draw();
  schedule();
}

async function cannotLook(error) {
  if (error instanceof Refused) {
    signOut("This token is not accepted. It may have been withdrawn, or mistyped.");
    return;
  }
  known.failures += 1;
  known.retryAfter = error.retryAfter ?? null;
  const what = error instanceof Failed ? error.message : "The server does not answer.";
  say("trouble", `${navigator.onLine ? what : "You are offline."} The page tries again by itself.`);
}

function learn(databases, role) {
  const before = database();
  known.databases = databases;
  if (role) known.role = role;
  const after = database();
  for (const {id, state} of databases) {
    if (state !== "starting") delete known.startsSeen[id];
    else known.startsSeen[id] ??= now();
  }
  if (before?.id === after.id && moodOf(before) !== moodOf(after)) say("said", MOODS[moodOf(after)].title);
  const happened = (one) => JSON.stringify(one && [one.id, one.status, one.restart_requested_at, one.hold_until]);
  if (happened(before) !== happened(after)) void remember();
  if (sessionStorage.getItem(AWAITED) === after.id && after.ready) arrive();
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden || token.read() === null) return;
  timer = setTimeout(look, untilNextLook());
}

function untilNextLook() {
  if (known.failures > 0) {
    const backOff = Math.min(LONGEST_POLL, SECOND * 2 ** known.failures) * (0.8 + 0.4 * Math.random());
    return Math.max(backOff, (known.retryAfter ?? 0) * SECOND);
  }
  if (known.databases?.some(isMoving)) {
    return Math.min(MOVING_POLL, known.retryAfter === null ? MOVING_POLL : known.retryAfter * SECOND);
  }
  const due = [database()?.stops_at, database()?.hold_until].map((iso) => (iso ? time(iso) - now() + SECOND : Infinity));
  const longest = due[0] < 0 ? OVERDUE_POLL : QUIET_POLL; // the next check will stop it
  return Math.min(longest, ...due.filter((wait) => wait > 0));
}

// --- history ---

async function remember() {
  const {id, days} = {id: database()?.id, days: known.days};
  if (id === undefined) return;
  try {
    const {value} = await ask("GET", path(id, `/history?days=${days}`));
    if (id !== database()?.id || days !== known.days) return;
    known.history = {id, days, at: now(), ...value};
  } catch (error) {
    if (known.history?.id !== id) known.history = null;
    say("no-events", error instanceof Failed ? error.message : "The past cannot be read at the moment.");
    return;
  }
  drawPast();
  draw();
}

const lastEvent = (shown, name) =>
  (known.history?.id === shown.id ? known.history.events.findLast(({event}) => event === name) : null);

function hitchOf(shown) {
  const failed = lastEvent(shown, "start-failed");
  return failed && time(failed.at) >= time(shown.restart_requested_at) ? failed.detail : null;
}

function beganAt(shown) {
  const started = lastEvent(shown, "starting");
  const ready = time(shown.estimated_ready_at);
  if (started && (ready === null || time(started.at) < ready)) return time(started.at);
  return known.startsSeen[shown.id] ?? null;
}

// --- draw ---

function draw() {
  const shown = database(), isIn = token.read() !== null;
  show("sign-in", !isIn);
  show("sign-out", isIn);
  show("loading", isIn && shown === null && known.failures === 0);
  show("trouble", isIn && $("trouble").textContent !== "");
  show("shown", isIn && shown !== null);
  say("role", isIn && known.role ? `Signed in as ${known.role}` : "");
  say("zone", zone());
  drawList(isIn ? known.databases ?? [] : []);
  if (!isIn || shown === null) {
    showInTab("asleep", isIn ? "Database" : "Sign in – database");
    return;
  }
  drawNow(shown);
  drawSleep(shown);
}

function drawList(databases) {
  show("databases", databases.length > 1);
  const list = $("databases").firstElementChild;
  const key = JSON.stringify(databases.map((one) => [one.id, moodOf(one), one.id === database()?.id]));
  if (list.dataset.key === key) return;
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  list.dataset.key = key;
  list.replaceChildren(...databases.map((one) => {
    const mood = moodOf(one);
    const button = element("button", {type: "button", "data-id": one.id}, icon(mood, 20), one.id,
      element("span", {class: "note"}, MOODS[mood].title));
    if (one.id === database()?.id) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(one.id));
    return element("li", {}, button);
  }));
  if (focused) list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function drawNow(shown) {
  const mood = moodOf(shown), title = MOODS[mood].title;
  showInTab(mood, `${title} – ${shown.id}`);
  if ($("icon").dataset.mood !== mood) {
    $("icon").dataset.mood = mood;
    $("icon").replaceChildren(icon(mood, 72));
  }
  say("name", shown.id);
  say("headline", title);
  say("detail", localized(shown.detail, now()));
  show("waking", mood === "waking");
  if (mood === "waking") drawProgress(progress(shown, beganAt(shown), hitchOf(shown), now()));
  const why = known.busy ? "One moment …" : whyNotStart(shown, mayOperate());
  enable($("start"), why === "");
  say("start-note", why);
  show("dashboard", shown.ready && DASHBOARD !== "");
  drawJump();
}

function drawProgress({value, text}) {
  if (value === null) $("progress").removeAttribute("value");
  else $("progress").value = value;
  say("progress-note", text);
}

function drawSleep(shown) {
  say("sleeps-at", whenItSleeps(shown, now()));
  say("besides", besides(shown, now()));
  const until = time(shown.hold_until);
  show("hold", until !== null);
  if (until !== null) {
    const by = lastEvent(shown, "hold-set")?.by;
    say($("hold").firstElementChild, `Kept awake until ${moment(until, now())}${by ? ` by ${by}` : ""}.`);
  }
  show("keep", !["stopped", "stopping", "failed"].includes(shown.state));
  for (const button of $("sleep").querySelectorAll("button")) enable(button, mayOperate() && !known.busy);
  say("keep-note", mayOperate() ? "" : "Keeping it awake takes an operator's token.");
}

function drawPast() {
  if (known.history !== null) drawHistory(known.history, known.history.days, known.all, known.history.at);
}

// --- the dashboard, once it is ready: only for whoever asked for it in this tab ---

function arrive() {
  sessionStorage.removeItem(AWAITED);
  if (DASHBOARD !== "") known.jumpAt = now() + JUMP_AFTER;
}

function drawJump() {
  show("jump", known.jumpAt !== null);
  if (known.jumpAt === null) return;
  const wait = known.jumpAt - now();
  say($("jump").firstElementChild, `Opening the dashboard in ${left(Math.max(0, wait))} …`);
  if (wait <= 0) {
    known.jumpAt = null;
    location.assign(DASHBOARD);
  }
}

// --- buttons ---

async function change(method, what, body) {
  const shown = database();
  if (known.busy || shown === null) return;
  known.busy = true;
  say("answer", "");
  draw();
  try {
    const answer = await ask(method, path(shown.id, what), body);
    known.changes += 1;
    const changed = answer.value.database ?? answer.value;
    learn(known.databases.map((one) => (one.id === changed.id ? changed : one)));
    say("said", answer.value.message ?? changed.detail);
    known.retryAfter = answer.retryAfter;
  } catch (error) {
    say("answer", whyNot(error));
    if (error instanceof Refused || error.status === 409) sessionStorage.removeItem(AWAITED);
  }
  known.busy = false;
  draw();
  void look();
}

function whyNot(error) {
  if (error instanceof Failed) return localized(error.message, now());
  if (error instanceof Refused) return "Your token may not do this; it takes an operator's.";
  return "No answer came. It may have been heard all the same; if nothing changes in a minute, press again.";
}

function start() {
  if (!isEnabled($("start"))) return;
  sessionStorage.setItem(AWAITED, database().id);
  void change("POST", "/restart");
}

function keepUntil(at) {
  void change("PUT", "/hold", {until: new Date(at).toISOString().replace(/\.\d+/, "")});
}

function choose(id) {
  known.id = id;
  known.jumpAt = null;
  known.history = null;
  say("answer", "");
  draw();
  void remember();
}

function chooseDays(days) {
  known.days = days;
  for (const button of document.querySelectorAll("[data-days]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.days) === days));
  }
  void remember();
}

function signIn(event) {
  event.preventDefault();
  token.keep($("token").value.trim());
  $("token").value = "";
  say("sign-in-fault", "");
  draw();
  void look().then(() => { if (token.read() !== null) $("headline").focus(); });
}

function signOut(why) {
  token.forget();
  sessionStorage.removeItem(AWAITED);
  Object.assign(known, {databases: null, id: null, role: null, failures: 0, history: null, jumpAt: null});
  say("trouble", "");
  say("sign-in-fault", why);
  draw();
  $("token").focus();
}

const onPress = (id, act) => $(id).addEventListener("click", (event) => {
  if (isEnabled(event.currentTarget)) act();
});

$("sign-in").addEventListener("submit", signIn);
$("dashboard").href = DASHBOARD || "#";
onPress("sign-out", () => signOut(""));
onPress("start", start);
onPress("stay", () => { known.jumpAt = null; draw(); $("headline").focus(); });
onPress("end-hold", () => { void change("DELETE", "/hold"); $("headline").focus(); });
onPress("until-morning", () => keepUntil(tomorrowAt(8, now())));
onPress("more", () => { known.all = true; drawPast(); });
for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", () => {
    if (isEnabled(button)) void change("PUT", "/hold", {hours: Number(button.dataset.hours)});
  });
}
for (const button of document.querySelectorAll("[data-days]")) {
  button.addEventListener("click", () => chooseDays(Number(button.dataset.days)));
}
$("until").addEventListener("submit", (event) => {
  event.preventDefault();
  if (mayOperate()) keepUntil($("until-time").value);
});

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  // Whoever comes back to this tab has the full time to stay here.
  if (known.jumpAt !== null) known.jumpAt = now() + JUMP_AFTER;
  void look();
});
window.addEventListener("online", () => void look());
setInterval(() => {
  if (document.hidden || token.read() === null || database() === null) return;
  draw();
  if (known.history !== null && now() - known.history.at > HISTORY_POLL) void remember();
}, SECOND);

draw();
void look();

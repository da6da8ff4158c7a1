// What the page knows, and when it looks. One way: ask → know → draw.

const MOVING_POLL = 3 * SECOND, OVERDUE_POLL = 10 * SECOND, QUIET_POLL = 30 * SECOND, LONGEST_POLL = 60 * SECOND;
const PAST_LASTS = 5 * MINUTE, PAST_RETRY = 30 * SECOND;

const known = {
  visit: 0, // raised by signing in and out: an answer that belongs to another visit is nobody's
  databases: null,
  learnedAt: null,
  id: decodeURIComponent(location.hash.slice(1)),
  role: null,
  failures: 0,
  retryAfter: null,
  changes: 0, // raised by every button: what was asked before may be older than its answer
  busy: false,
  answer: null, // to a button: {id, card, text}
  startsSeen: {},
};
const past = {asked: null, told: null, fault: "", days: 7, all: false};
let timer = null, looking = null;

const database = () => known.databases?.find(({id}) => id === known.id) ?? known.databases?.[0] ?? null;
const mayOperate = () => known.role === null || known.role === "operator";
// What is shown is as of then: while nobody answers, no countdown goes on.
const asOf = () => (known.failures > 0 ? known.learnedAt ?? now() : now());

async function look() {
  clearTimeout(timer);
  const {visit, changes} = known;
  if (looking === visit || document.hidden || token.read() === null) return;
  looking = visit;
  let answer = null, fault = null;
  try {
    answer = await ask("GET", "databases");
  } catch (error) {
    fault = error;
  }
  if (looking === visit) looking = null;
  if (visit !== known.visit) return;
  if (fault !== null) cannotLook(fault);
  else hasLooked(answer, changes);
  draw();
  schedule();
}

function hasLooked(answer, changes) {
  if (known.failures > 0) say("said", "The server answers again.");
  Object.assign(known, {failures: 0, retryAfter: null});
  say("trouble", "");
  if (changes === known.changes) learn(answer.value.databases, answer.role);
  if (isPastDue()) void remember();
}

function cannotLook(error) {
  if (error instanceof Refused) {
    signOut("This token is not accepted. It may have been withdrawn, or mistyped.");
    return;
  }
  known.failures += 1;
  known.retryAfter = error.retryAfter ?? null;
  const what = !navigator.onLine ? "You are offline." : error instanceof Failed ? error.message : "The server does not answer.";
  const since = known.learnedAt === null ? "" : ` What you see is of ${moment(known.learnedAt, now())}.`;
  say("trouble", `${localized(what, now())}${since} The page tries again by itself.`);
  if (known.failures === 1) say("said", what);
}

function learn(databases, role = null) {
  const before = database();
  for (const {id, state} of databases) {
    const last = known.databases?.find((one) => one.id === id);
    if (state !== "starting") delete known.startsSeen[id];
    else if (last && last.state !== "starting") known.startsSeen[id] = now();
  }
  Object.assign(known, {databases, learnedAt: now(), role: role ?? known.role});
  const after = database();
  if (before?.id === after.id && moodOf(before) !== moodOf(after)) {
    known.answer = null;
    say("said", MOODS[moodOf(after)].title);
  }
  settleAwaited(databases, after);
}

function schedule() {
  clearTimeout(timer);
  if (!document.hidden && token.read() !== null) timer = setTimeout(look, untilNextLook());
}

function untilNextLook() {
  if (known.failures > 0) {
    const backOff = Math.min(LONGEST_POLL, SECOND * 2 ** known.failures) * (0.8 + 0.4 * Math.random());
    return Math.max(backOff, (known.retryAfter ?? 0) * SECOND);
  }
  if (known.databases?.some(isMoving)) return MOVING_POLL;
  const due = [database()?.stops_at, database()?.hold_until].map((iso) => (iso ? time(iso) - now() + SECOND : Infinity));
  const longest = due[0] < 0 ? OVERDUE_POLL : QUIET_POLL; // the next check will stop it
  return Math.min(longest, ...due.filter((wait) => wait > 0));
}

// --- the past ---

// Changes whenever something has happened that the history tells.
const pastKey = (shown) =>
  JSON.stringify([shown.id, past.days, shown.status, shown.restart_requested_at, shown.hold_until]);

function isPastDue() {
  const shown = database();
  if (shown === null) return false;
  if (past.asked?.key !== pastKey(shown)) return true;
  return now() - past.asked.at > (past.fault ? PAST_RETRY : PAST_LASTS);
}

async function remember() {
  const shown = database(), {days} = past, {visit} = known;
  const asked = {key: pastKey(shown), at: now()};
  past.asked = asked;
  let told = null, fault = "";
  try {
    told = (await ask("GET", path(shown.id, `/history?days=${days}`))).value;
  } catch (error) {
    fault = error instanceof Failed ? localized(error.message, now()) : "The past cannot be read at the moment.";
  }
  // Only the answer to what was asked last counts.
  if (visit !== known.visit || past.asked !== asked) return;
  past.fault = fault;
  if (told !== null) past.told = {id: shown.id, days, key: asked.key, at: now(), ...told};
  drawPast();
  draw();
}

// The last event of that name in the history of what is shown, if it is the history up to now.
function lastEvent(shown, name) {
  if (past.told?.key !== pastKey(shown)) return null;
  return past.told.events.findLast(({event}) => event === name) ?? null;
}

const ENDS_OF_START = ["available", "stopped", "start-failed", "failed"];

function beganAt(shown) {
  const started = lastEvent(shown, "starting");
  const isOver = ENDS_OF_START.some((name) => time(lastEvent(shown, name)?.at ?? null) > time(started?.at ?? null));
  return started && !isOver ? time(started.at) : known.startsSeen[shown.id] ?? null;
}

function hitchOf(shown) {
  const failed = lastEvent(shown, "start-failed");
  return failed && time(failed.at) >= time(shown.restart_requested_at) ? failed.detail : null;
}

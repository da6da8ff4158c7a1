// What people do: sign in and out, choose, press buttons; and the way to the dashboard.

const DASHBOARD = document.querySelector("meta[name=dashboard]").content;
const AWAITED = "rds-lifecycle.awaited";
const AWAITED_LASTS = HOUR, HEARD_WITHIN = MINUTE, JUMP_AFTER = 8 * SECOND;
let jumpAt = null;

// --- the dashboard, once it is ready: only in the tab that has asked for it, and only while that is what it shows ---

function settleAwaited(databases, shown) {
  const awaited = storage.read(AWAITED);
  if (awaited === null) return;
  const {id, at} = JSON.parse(awaited), wanted = databases.find((one) => one.id === id);
  const isOver = now() - at > AWAITED_LASTS || wanted === undefined;
  const isVain = !isOver && !wanted.ready && moodOf(wanted) !== "waking" && now() - at > HEARD_WITHIN;
  if (isOver || isVain || wanted.ready) storage.forget(AWAITED);
  if (!isOver && wanted.ready && id === shown.id && DASHBOARD !== "") {
    jumpAt = now() + JUMP_AFTER;
    say("said", `Awake. The dashboard opens in ${span(JUMP_AFTER)}; the button “Stay here” stops that.`);
  }
}

function drawJump() {
  show("jump", jumpAt !== null);
  if (jumpAt === null) return;
  say($("jump").firstElementChild, `Opening the dashboard in ${left(Math.max(0, jumpAt - now()))} …`);
  if (jumpAt <= now()) {
    jumpAt = null;
    location.assign(DASHBOARD);
  }
}

// --- buttons ---

async function change(card, method, what, body) {
  const shown = database(), {visit} = known;
  if (known.busy || shown === null) return;
  Object.assign(known, {busy: true, answer: null, changes: known.changes + 1});
  draw();
  let answer = null, fault = null;
  try {
    answer = await ask(method, path(shown.id, what), body);
  } catch (error) {
    fault = error;
  }
  if (visit !== known.visit) return;
  Object.assign(known, {busy: false, changes: known.changes + 1});
  if (fault === null) {
    const changed = answer.value.database ?? answer.value;
    learn(known.databases.map((one) => (one.id === changed.id ? changed : one)));
    say("said", answer.value.message ?? localized(changed.detail, now()));
  } else {
    known.answer = {id: shown.id, card, text: whyNot(fault)};
    if (fault instanceof Refused || fault.status === 409) storage.forget(AWAITED);
  }
  draw();
  void look();
}

function whyNot(error) {
  if (error instanceof Failed) return localized(error.message, now());
  if (error instanceof Refused) return "Your token may not do this; it takes an operator's.";
  return "No answer came. It may have been heard all the same; if nothing changes in a minute, press again.";
}

function start() {
  storage.keep(AWAITED, JSON.stringify({id: database().id, at: now()}));
  void change("now", "POST", "/restart");
}

function keepUntil(at) {
  void change("sleep", "PUT", "/hold", {until: new Date(at).toISOString().replace(/\.\d+/, "")});
}

function choose(id) {
  known.id = id;
  jumpAt = null;
  past.all = false;
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  draw();
  say("said", `${id}: ${MOODS[moodOf(database())].title}`);
  void remember();
}

function chooseDays(days) {
  Object.assign(past, {days, all: false});
  for (const button of document.querySelectorAll("[data-days]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.days) === days));
  }
  drawPast();
  void remember();
}

function showAll() {
  past.all = true;
  drawPast();
  $("events").children[FEW_EVENTS]?.focus();
}

// --- who ---

function begin(visitor) {
  known.visit += 1;
  Object.assign(known, {databases: null, role: null, failures: 0, learnedAt: null, busy: false, answer: null});
  Object.assign(past, {asked: null, told: null, fault: "", all: false});
  jumpAt = null;
  if (visitor === null) token.forget();
  else token.keep(visitor);
}

async function signIn(event) {
  event.preventDefault();
  begin($("token").value.trim());
  $("token").value = "";
  say("sign-in-fault", "");
  draw();
  const {visit} = known;
  await look();
  if (visit === known.visit) $(database() === null ? "sign-out" : "headline").focus();
}

function signOut(why) {
  begin(null);
  storage.forget(AWAITED);
  say("sign-in-fault", why);
  draw();
  $("token").focus();
}

// --- wiring ---

function onPress(button, act) {
  button.addEventListener("click", () => {
    if (isEnabled(button)) act();
  });
}

$("sign-in").addEventListener("submit", signIn);
$("dashboard").href = DASHBOARD || "#";
onPress($("sign-out"), () => signOut(""));
onPress($("start"), start);
onPress($("stay"), () => { jumpAt = null; draw(); $("headline").focus(); });
onPress($("end-hold"), () => { void change("sleep", "DELETE", "/hold"); $("headline").focus(); });
onPress($("until-morning"), () => keepUntil(tomorrowAt(8, now())));
onPress($("more"), showAll);
for (const button of document.querySelectorAll("[data-hours]")) {
  onPress(button, () => void change("sleep", "PUT", "/hold", {hours: Number(button.dataset.hours)}));
}
for (const button of document.querySelectorAll("[data-days]")) onPress(button, () => chooseDays(Number(button.dataset.days)));
$("choice").addEventListener("change", () => choose($("choice").value));
$("until-time").addEventListener("focus", () => {
  $("until-time").min = localInput(now());
  $("until-time").max = localInput(now() + 168 * HOUR);
});
$("until").addEventListener("submit", (event) => {
  event.preventDefault();
  if (mayOperate()) keepUntil($("until-time").value);
});
$("timeline").addEventListener("keydown", walkTimeline);

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  // Whoever comes back to this tab has the full time to stay here.
  if (jumpAt !== null) jumpAt = now() + JUMP_AFTER;
  void look();
});
window.addEventListener("online", () => void look());
setInterval(() => {
  if (!document.hidden && token.read() !== null && database() !== null) draw();
}, SECOND);

draw();
void look();

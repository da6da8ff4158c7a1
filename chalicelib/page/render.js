// Shows what is known.

const FEW_DATABASES = 6;

function draw() {
  const shown = database(), isIn = token.read() !== null;
  show("sign-in", !isIn);
  show("sign-out", isIn);
  show("loading", isIn && shown === null && known.failures === 0);
  show("trouble", isIn && known.failures > 0);
  show("shown", isIn && shown !== null);
  say("role", isIn && known.role ? `Signed in as ${known.role}` : "");
  say("zone", zone());
  drawList(isIn ? known.databases ?? [] : []);
  if (!isIn || shown === null) {
    showInTab("asleep", isIn ? "Database" : "Sign in – database");
    return;
  }
  drawNow(shown, asOf());
  drawSleep(shown, asOf());
  drawAnswer(shown);
  if (past.told === null || past.told.id !== shown.id || past.told.days !== past.days) drawPast();
}

function drawList(databases) {
  const isLong = databases.length > FEW_DATABASES;
  show("databases", databases.length > 1);
  show("few", !isLong);
  show("many", isLong);
  const key = JSON.stringify(databases.map((one) => [one.id, moodOf(one), one.id === database()?.id]));
  if ($("databases").dataset.key === key) return;
  $("databases").dataset.key = key;
  const place = isLong ? $("choice") : $("few"), focused = document.activeElement?.dataset?.id;
  place.replaceChildren(...databases.map(isLong ? optionOf : buttonOf));
  if (focused) place.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function optionOf(one) {
  const option = element("option", {value: one.id}, `${one.id} – ${MOODS[moodOf(one)].title}`);
  option.selected = one.id === database()?.id;
  return option;
}

function buttonOf(one) {
  const mood = moodOf(one);
  const button = element("button", {type: "button", "data-id": one.id}, icon(mood, 20), one.id,
    element("span", {class: "note"}, MOODS[mood].title));
  if (one.id === database()?.id) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => choose(one.id));
  return element("li", {}, button);
}

function drawNow(shown, at) {
  const mood = moodOf(shown), title = MOODS[mood].title;
  showInTab(mood, `${title} – ${shown.id}`);
  if ($("icon").dataset.mood !== mood) {
    $("icon").dataset.mood = mood;
    $("icon").replaceChildren(icon(mood, 72));
  }
  say("name", shown.id);
  say("headline", title);
  say("detail", localized(shown.detail, at));
  show("waking", mood === "waking");
  if (mood === "waking") drawProgress(progress(shown, beganAt(shown), hitchOf(shown), at));
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

function drawSleep(shown, at) {
  say("sleeps-at", whenItSleeps(shown, at));
  say("besides", besides(shown, at));
  const until = time(shown.hold_until);
  show("hold", until !== null);
  if (until !== null) {
    const by = lastEvent(shown, "hold-set")?.by;
    say($("hold").firstElementChild, `Kept awake until ${moment(until, at)}${by ? ` by ${by}` : ""}.`);
  }
  const canKeep = !["stopped", "stopping", "failed"].includes(shown.state);
  if (!canKeep && $("keep").contains(document.activeElement)) $("headline").focus();
  show("keep", canKeep);
  for (const button of $("sleep").querySelectorAll("button")) enable(button, mayOperate() && !known.busy);
  say("keep-note", mayOperate() ? "" : "Keeping it awake takes an operator's token.");
}

// Beside the button that was pressed, and only for the database that it was pressed for.
function drawAnswer(shown) {
  for (const card of ["now", "sleep"]) {
    const {id, text} = known.answer?.card === card ? known.answer : {id: null, text: ""};
    say(`answer-${card}`, id === shown.id ? text : "");
  }
}

function drawPast() {
  const shown = database(), {told} = past;
  const fits = told !== null && told.id === shown?.id && told.days === past.days;
  show("told", fits);
  if (fits && $("told").dataset.at !== `${told.at} ${past.all}`) {
    $("told").dataset.at = `${told.at} ${past.all}`;
    drawHistory(told, past.days, past.all, told.at);
  }
  say("past-note", past.fault || (fits ? "" : "Looking into the past …"));
}

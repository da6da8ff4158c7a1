// Times and durations as text. Pure functions of times in milliseconds.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

const LANGUAGE = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";
const CLOCK = new Intl.DateTimeFormat(LANGUAGE, {hour: "numeric", minute: "2-digit"});
const WEEKDAY = new Intl.DateTimeFormat(LANGUAGE, {weekday: "short", day: "numeric", month: "short"});
const PRECISE_HOURS = unitFormat("hour", "short", 1);
const COUNT = new Intl.NumberFormat(LANGUAGE);
const PERCENT = new Intl.NumberFormat(LANGUAGE, {style: "percent", maximumFractionDigits: 0});
const MONEY = new Intl.NumberFormat(LANGUAGE, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
});
const UNITS = unitFormats("short");
export const NARROW_UNITS = unitFormats("narrow");

/**
 * @param {string} unit
 * @param {"short" | "narrow"} unitDisplay
 */
function unitFormat(unit, unitDisplay, maximumFractionDigits = 0) {
  return new Intl.NumberFormat(LANGUAGE, {style: "unit", unit, unitDisplay, maximumFractionDigits});
}

/** @param {"short" | "narrow"} unitDisplay */
function unitFormats(unitDisplay) {
  return {
    second: unitFormat("second", unitDisplay),
    minute: unitFormat("minute", unitDisplay),
    hour: unitFormat("hour", unitDisplay),
    day: unitFormat("day", unitDisplay),
  };
}

/**
 * The milliseconds of a time that the API sent; NaN where it sent none, which compares as false.
 * @param {string | null | undefined} iso
 */
export function parseTime(iso) {
  return iso ? Date.parse(iso) : NaN;
}

/**
 * "40 secs", "12 mins", "3 hrs 5 mins", "4 days 2 hrs" (narrow: "3h 5m"), rounded down.
 * @param {number} ms
 */
export function duration(ms, {second, minute, hour, day} = UNITS) {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(seconds / 3600);
  const days = Math.floor(seconds / 86400);
  if (minutes < 1) return second.format(seconds);
  if (hours < 1) return minute.format(minutes);
  if (days < 2) return hour.format(hours) + (minutes % 60 ? ` ${minute.format(minutes % 60)}` : "");
  return day.format(days) + (hours % 24 ? ` ${hour.format(hours % 24)}` : "");
}

/**
 * The remaining time, rounded up: never "0 sec" before it is over.
 * @param {number} ms
 */
export function remaining(ms) {
  const unit = ms < MINUTE ? SECOND : MINUTE;
  return duration(Math.ceil(ms / unit) * unit);
}

/**
 * A typical duration; from two minutes on, its seconds are left out.
 * @param {number} ms
 */
export function approximate(ms) {
  return duration(ms < 2 * MINUTE ? ms : Math.round(ms / MINUTE) * MINUTE);
}

/** @param {number} ms */
export function ago(ms) {
  return ms < MINUTE ? "just now" : `${duration(ms)} ago`;
}

/**
 * A day of the calendar may have 23 or 25 hours, so days are not counted in hours.
 * @param {number} ms
 */
export function startOfDay(ms, days = 0) {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

/**
 * @param {number} hour
 * @param {number} now
 */
export function tomorrowAt(hour, now) {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1, hour).getTime();
}

/**
 * The value of an input of the type datetime-local.
 * @param {number} ms
 */
export function inputValue(ms) {
  const date = new Date(ms);
  const twoDigits = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), twoDigits(date.getMonth() + 1), twoDigits(date.getDate())].join("-");
  return `${day}T${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
}

/** @param {number} ms */
export function clockTime(ms) {
  return CLOCK.format(ms);
}

/** @param {number} ms */
export function dayName(ms) {
  return WEEKDAY.format(ms);
}

/**
 * "15:30", "tomorrow 8:00", "Mon 30 Nov, 9:12".
 * @param {number} ms
 * @param {number} now
 */
export function dateTime(ms, now) {
  const day = startOfDay(ms);
  if (day === startOfDay(now)) return clockTime(ms);
  if (day === startOfDay(now, 1)) return `tomorrow ${clockTime(ms)}`;
  if (day === startOfDay(now, -1)) return `yesterday ${clockTime(ms)}`;
  return `${dayName(ms)}, ${clockTime(ms)}`;
}

/**
 * The API's sentences with their UTC times in the time zone of the browser.
 * @param {string} sentence
 * @param {number} now
 */
export function localizeTimes(sentence, now) {
  return sentence.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (iso) => dateTime(Date.parse(iso), now));
}

export function timeZone() {
  const parts = new Intl.DateTimeFormat(LANGUAGE, {timeZoneName: "short"}).formatToParts();
  const abbreviation = parts.find((part) => part.type === "timeZoneName")?.value;
  return `Times are in ${Intl.DateTimeFormat().resolvedOptions().timeZone} (${abbreviation}).`;
}

/** @param {number} number */
export function count(number) {
  return COUNT.format(number);
}

/** @param {number} number */
export function preciseHours(number) {
  return PRECISE_HOURS.format(number);
}

/** @param {number} fraction */
export function percent(fraction) {
  return PERCENT.format(fraction);
}

/** @param {number} usd */
export function money(usd) {
  return MONEY.format(usd);
}

// What a reload of this tab keeps. Where the browser stores nothing, the store still has it until the page is left.

const PREFIX = "rds-lifecycle.";

/** @param {string} name */
export function readStored(name) {
  try {
    return sessionStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string | null} value null removes it
 */
export function writeStored(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + name);
    else sessionStorage.setItem(PREFIX + name, value);
  } catch {
    // Storage is disabled.
  }
}

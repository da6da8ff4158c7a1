// Values that are kept when this tab is reloaded. If storage is disabled, store.js has them until the page is closed.

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

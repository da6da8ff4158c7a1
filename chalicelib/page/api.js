// The API, as this tab's bearer sees it.

const TOKEN = "rds-lifecycle.token";
// Without the slash at the end, too: API Gateway serves the page below its stage, at /api/.
const BASE = location.pathname.replace(/\/*$/, "/");
const PATIENCE = 35 * SECOND;

class Refused extends Error {}
class Unreachable extends Error {}

class Failed extends Error {
  constructor(status, body, retryAfter) {
    super(typeof body?.detail === "string" ? body.detail : `The server answered with ${status}.`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

// For this tab only. Where the browser keeps nothing, until the page is left.
const kept = new Map();
const storage = {
  read: (key) => { try { return sessionStorage.getItem(key); } catch { return kept.get(key) ?? null; } },
  keep: (key, value) => { try { sessionStorage.setItem(key, value); } catch { kept.set(key, value); } },
  forget: (key) => { try { sessionStorage.removeItem(key); } catch { kept.delete(key); } },
};
const token = {
  read: () => storage.read(TOKEN),
  keep: (value) => storage.keep(TOKEN, value),
  forget: () => storage.forget(TOKEN),
};

// By how much this device's clock is behind the server's; the header counts whole seconds.
let skew = 0;
const now = () => Date.now() + skew;

function setClock(date) {
  const difference = Date.parse(date) - Date.now();
  if (!Number.isNaN(difference)) skew = Math.abs(difference) > 5 * SECOND ? difference : 0;
}

// → {value, retryAfter (s, or null), role}. Throws Refused, Unreachable or Failed.
async function ask(method, path, body) {
  const bearer = token.read();
  if (bearer === null || !/^[\x21-\x7e]+$/.test(bearer)) throw new Refused();
  const headers = {Authorization: `Bearer ${bearer}`, Accept: "application/json"};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response, value;
  try {
    response = await fetch(BASE + path, {
      method, headers, body: body && JSON.stringify(body), cache: "no-store", redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    value = await response.json();
  } catch (error) {
    if (response?.ok || !response) throw new Unreachable(String(error));
  }
  if (response.status === 401 || response.status === 403) throw new Refused();
  setClock(response.headers.get("Date"));
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  if (!response.ok) throw new Failed(response.status, value, retryAfter);
  return {value, retryAfter, role: response.headers.get("Access-Role")};
}

const path = (id, what = "") => `databases/${encodeURIComponent(id)}${what}`;

// Requests to the API. The responses have the types of docs/openapi.json.

import {SECOND} from "./format.js";
import {getState, setServerTime} from "./store.js";

/** @import {components} from "openapi" */
/** @typedef {components["schemas"]["Database"]} Database */
/** @typedef {Database["state"]} DatabaseState */
/** @typedef {components["schemas"]["Event"]} HistoryEvent */
/** @typedef {HistoryEvent["event"]} EventName */
/** @typedef {components["schemas"]["History"]} History */
/** @typedef {components["schemas"]["Summary"]} Summary */
/** @typedef {History["periods"][number]} Period */
/** @typedef {components["schemas"]["Restarted"]} Restarted */
/** @typedef {{hours: number} | {until: string}} Hold */

// Longer than the 29 s within which API Gateway responds.
const TIMEOUT = 35 * SECOND;

// API Gateway serves the page at the path of its stage, with or without a slash at the end: /api/.
const BASE_PATH = location.pathname.replace(/\/*$/, "/");

/** The token is unknown, or its role does not allow the request. */
export class AccessDenied extends Error {}

/** The server did not respond. */
export class ConnectionFailed extends Error {}

/** The server responded with an error. */
export class RequestFailed extends Error {
  /**
   * @param {number} status
   * @param {unknown} body
   * @param {number | null} retryAfter
   */
  constructor(status, body, retryAfter) {
    const detail = /** @type {{detail?: unknown} | null | undefined} */ (body)?.detail;
    super(typeof detail === "string" ? detail : `The server responded with status ${status}.`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** @returns {Promise<{databases: Database[], role: string | null}>} */
export async function listDatabases() {
  const {body, headers} = await request("GET", "databases");
  return {databases: body.databases, role: headers.get("Access-Role")};
}

/**
 * @param {string} id
 * @param {number} days
 * @returns {Promise<History>}
 */
export async function getHistory(id, days) {
  return (await request("GET", `${databasePath(id)}/history?days=${days}`)).body;
}

/**
 * @param {string} id
 * @returns {Promise<Restarted>}
 */
export async function restartDatabase(id) {
  return (await request("POST", `${databasePath(id)}/restart`)).body;
}

/**
 * @param {string} id
 * @param {Hold} hold
 * @returns {Promise<Database>}
 */
export async function setHold(id, hold) {
  return (await request("PUT", `${databasePath(id)}/hold`, hold)).body;
}

/**
 * @param {string} id
 * @returns {Promise<Database>}
 */
export async function endHold(id) {
  return (await request("DELETE", `${databasePath(id)}/hold`)).body;
}

/** @param {string} id */
function databasePath(id) {
  return `databases/${encodeURIComponent(id)}`;
}

/**
 * Throws AccessDenied, ConnectionFailed or RequestFailed.
 * @param {string} method
 * @param {string} path
 * @param {Hold} [payload]
 */
async function request(method, path, payload) {
  const {token} = getState();
  // fetch rejects a header with other characters, as if the server had not responded.
  if (token === null || !/^[\x21-\x7e]+$/.test(token)) throw new AccessDenied();
  /** @type {Record<string, string>} */
  const headers = {Authorization: `Bearer ${token}`, Accept: "application/json"};
  if (payload) headers["Content-Type"] = "application/json";
  const response = await send(BASE_PATH + path, {method, headers, body: payload && JSON.stringify(payload)});
  if (response.status === 401 || response.status === 403) throw new AccessDenied();
  setServerTime(response.headers.get("Date"));
  const body = await readBody(response);
  if (!response.ok) {
    const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    throw new RequestFailed(response.status, body, Number.isNaN(seconds) ? null : seconds);
  }
  return {body, headers: response.headers};
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function send(url, options) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    return await fetch(url, {...options, cache: "no-store", redirect: "error", signal});
  } catch (error) {
    throw new ConnectionFailed(String(error));
  }
}

/** @param {Response} response */
async function readBody(response) {
  try {
    return await response.json();
  } catch (error) {
    // The body of an error may be that of a proxy; its status is enough.
    if (!response.ok) return null;
    throw new ConnectionFailed(String(error));
  }
}

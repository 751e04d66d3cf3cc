/**
 * What stands in Redis: one key per worker that lapses by itself, a set with the uids, a channel on which
 * changes are hinted at. Values come from whoever can write to that Redis, so nothing is taken for a record
 * before every field of it has been looked at.
 */
import type { WorkerMetadata } from "merino";

/** Names of what belongs to one namespace. */
export interface RedisLayout {
  /** The set of uids; saves a walk over all keys of a Redis that others use as well. */
  readonly index: string;
  /** Carries the uid of each worker that was announced, changed or retracted. */
  readonly channel: string;
  /** The key with the record of one worker, as JSON. */
  worker(uid: string): string;
}

/** Largest record read, in characters. */
const MAX_RECORD_LENGTH = 64 * 1024;
const UID = /^[A-Za-z0-9_-]{1,64}$/;
const NETWORK_ADDRESS = /^(?:\[[0-9A-Fa-f:.%]{2,80}\]|[A-Za-z0-9._-]{1,253}):([1-9][0-9]{0,4})$/;
const SOCKET_ADDRESS = /^unix:\/.{1,102}$/;
const CHANNEL_OPTIONS = ["maxMessageSize", "maxConcurrentCalls", "keepaliveTime", "keepaliveTimeout"];

/** Names keys so that they share a slot of a Redis cluster. */
export function redisLayout(namespace: string): RedisLayout {
  const prefix = `merino:{${namespace}}`;
  return {
    index: `${prefix}:workers`,
    channel: `${prefix}:changes`,
    worker: (uid) => `${prefix}:worker:${uid}`,
  };
}

/** Tells whether a text can be a worker's uid. */
export function isUid(value: unknown): value is string {
  return typeof value === "string" && UID.test(value);
}

/**
 * Reads a record.
 *
 * @param sameHost Whether paths of Unix sockets are believed. A path means nothing on another host, and a
 *   local peer is trusted more than a remote one, so whoever writes a record must not be able to name one.
 * @returns `undefined` for anything but the record of the worker `uid`.
 */
export function parseRecord(text: string, uid: string, sameHost: boolean): WorkerMetadata | undefined {
  if (text.length > MAX_RECORD_LENGTH) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not even JSON. The watch reports what it skips.
    return undefined;
  }
  const worker = checkRecord(value, sameHost);
  return worker?.uid === uid ? worker : undefined;
}

/** Checks every field of what ought to be a worker's record; see {@link parseRecord}. */
export function checkRecord(value: unknown, sameHost: boolean): WorkerMetadata | undefined {
  if (!isObject(value) || !isUid(value.uid) || !isAddress(value.address, sameHost)) return undefined;
  const { uid, address, pid, version, tags, extra, secure, options } = value;
  const { runtime, codecs, socket, hostId, build } = value;
  if (
    !isCount(pid) ||
    !isText(version) ||
    !isTexts(tags) ||
    !isObject(extra) ||
    !Object.values(extra).every((text) => typeof text === "string") ||
    typeof secure !== "boolean" ||
    !isObject(options) ||
    !CHANNEL_OPTIONS.every((name) => options[name] === undefined || isCount(options[name])) ||
    !(runtime === undefined || isText(runtime)) ||
    !(codecs === undefined || isTexts(codecs)) ||
    !(socket === undefined || isText(socket)) ||
    !(hostId === undefined || isText(hostId)) ||
    !(build === undefined || isText(build))
  ) {
    return undefined;
  }
  return {
    uid,
    address,
    pid,
    version,
    tags,
    extra: extra as Record<string, string>, // every value has just been looked at
    secure,
    options,
    ...(runtime === undefined ? {} : { runtime }),
    // A record from outside that names no value format is not one of ours; absent would mean that it is.
    codecs: codecs ?? [],
    ...(socket === undefined || !sameHost ? {} : { socket }),
    ...(hostId === undefined ? {} : { hostId }),
    ...(build === undefined ? {} : { build }),
  };
}

function isAddress(value: unknown, sameHost: boolean): value is string {
  if (typeof value !== "string") return false;
  if (SOCKET_ADDRESS.test(value)) return sameHost;
  const port = NETWORK_ADDRESS.exec(value)?.[1];
  return port !== undefined && Number(port) <= 65_535;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

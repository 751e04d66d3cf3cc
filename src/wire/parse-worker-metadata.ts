/**
 * Turns data from outside into a worker's record, or refuses it. Bounds every size, keeps only known fields,
 * and never lets a socket path through from a source that is not trusted with one.
 */
import { amountsOf, resourcesOf } from "../internal/amounts.ts";
import { MAX_SOCKET_PATH_BYTES } from "../internal/socket-path-limit.ts";
import { isBuild } from "./build.ts";
import { CHANNEL_OPTION_NAMES, type ChannelOptions } from "./channel-options.ts";
import type { WorkerMetadata } from "./worker-metadata.ts";

/** Which fields the source of a record may set. */
export interface ParseWorkerMetadataOptions {
  /**
   * Whether the source may name Unix sockets: true for local and static sources only. Otherwise a `unix:`
   * address is refused and `socket` is left out, since a local peer counts as secure.
   */
  readonly unix: boolean;
}

const UID = /^[A-Za-z0-9_-]{1,64}$/;
const HOST_AND_PORT =
  /^(?:\[[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})$/;
const MAX_ENTRIES = 256;
const MAX_TEXT = 256;
const MAX_EXTRA_VALUE = 4_096;
const MAX_IDENTITY = 2_048;

/** Tells whether a text can be a worker's uid: 1 to 64 letters, digits, `_` or `-`. */
export function isWorkerUid(value: unknown): value is string {
  return typeof value === "string" && UID.test(value);
}

/**
 * Reads a worker's record from unknown data.
 *
 * @returns A frozen copy with the known fields; undefined if anything is missing, of a wrong type or too long.
 * @example
 * parseWorkerMetadata(JSON.parse(text), { unix: true });
 */
export function parseWorkerMetadata(
  value: unknown,
  options: ParseWorkerMetadataOptions,
): WorkerMetadata | undefined {
  if (!isRecord(value)) return undefined;
  const { uid, address, pid, version, secure, identity, runtime, socket, hostId, build, resources } = value;
  const tags = parseTexts(value.tags);
  const extra = parseExtra(value.extra);
  const channel = parseChannelOptions(value.options);
  const codecs = value.codecs === undefined ? undefined : parseTexts(value.codecs);
  const amounts = amountsOf(resources);
  if (
    !isWorkerUid(uid) ||
    !isAddress(address, options.unix) ||
    !(typeof pid === "number" && Number.isSafeInteger(pid) && pid >= 0) ||
    !isText(version) ||
    typeof secure !== "boolean" ||
    tags === undefined ||
    extra === undefined ||
    channel === undefined ||
    (value.codecs !== undefined && codecs === undefined) ||
    !(identity === undefined || isIdentity(identity)) ||
    !(runtime === undefined || isText(runtime)) ||
    !(socket === undefined || isSocketPath(socket)) ||
    !(hostId === undefined || isText(hostId)) ||
    !(build === undefined || isBuild(build)) ||
    (resources !== undefined && amounts === undefined)
  ) {
    return undefined;
  }
  return Object.freeze({
    uid,
    address,
    pid,
    version,
    tags,
    extra,
    secure,
    options: channel,
    ...(identity === undefined ? undefined : { identity }),
    ...(runtime === undefined ? undefined : { runtime }),
    ...(codecs === undefined ? undefined : { codecs }),
    ...(socket === undefined || !options.unix ? undefined : { socket }),
    ...(hostId === undefined ? undefined : { hostId }),
    ...(build === undefined ? undefined : { build }),
    ...(amounts === undefined || amounts.size === 0 ? undefined : { resources: resourcesOf(amounts) }),
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, limit: number = MAX_TEXT): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= limit;
}

/** What a certificate can present: printable ASCII. SPIFFE allows 2 048 bytes. */
function isIdentity(value: unknown): value is string {
  return isText(value, MAX_IDENTITY) && /^[\x21-\x7e]+$/.test(value);
}

function isSocketPath(value: unknown): value is string {
  return (
    isText(value) &&
    value.startsWith("/") &&
    !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value) && // the system's errors quote it
    Buffer.byteLength(value) <= MAX_SOCKET_PATH_BYTES
  );
}

function isAddress(value: unknown, unix: boolean): value is string {
  if (!isText(value, 300)) return false;
  if (value.startsWith("unix:")) return unix && isSocketPath(value.slice("unix:".length));
  const port = HOST_AND_PORT.exec(value)?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

function parseTexts(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) return undefined;
  const texts: string[] = [];
  for (const text of value) {
    if (!isText(text)) return undefined;
    texts.push(text);
  }
  return Object.freeze(texts);
}

function parseExtra(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isRecord(value)) return undefined;
  const entries: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (key.length > MAX_TEXT || typeof text !== "string" || text.length > MAX_EXTRA_VALUE) return undefined;
    if (entries.push([key, text]) > MAX_ENTRIES) return undefined;
  }
  // Defines own properties, also one called `__proto__`; assignment would not.
  return Object.freeze(Object.fromEntries(entries));
}

function parseChannelOptions(value: unknown): ChannelOptions | undefined {
  if (!isRecord(value)) return undefined;
  const entries: [string, number][] = [];
  for (const name of CHANNEL_OPTION_NAMES) {
    const limit = value[name];
    if (!isLimit(limit)) return undefined;
    if (limit !== undefined) entries.push([name, limit]);
  }
  return Object.freeze(Object.fromEntries(entries));
}

function isLimit(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value > 0);
}

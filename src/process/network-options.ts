/** Where a worker listens for callers of other hosts: which settings are allowed, and which need `insecure`. */
import { isIP } from "node:net";
import { assertBoolean } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";

/** Where a worker listens. */
export interface NetworkOptions {
  /** Address to bind, for example `"127.0.0.1"`, `"::"` or `"0.0.0.0"`; or a name of this host. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * Host to announce instead of the one bound, or host and port as in `"203.0.113.7:7777"` and
   * `"[fd00::7]:7777"`. Absent: the host and port bound; for a wildcard, an address of this host.
   */
  readonly advertise?: string | undefined;
  /**
   * Address and port on which it tells of its health besides, as in `"0.0.0.0:9000"`: in plain text, to anybody, and
   * nothing else.
   */
  readonly health?: string | undefined;
  /** Whether callers that nobody has identified may come from other hosts; see {@link resolveNetworkOptions}. */
  readonly insecure?: boolean | undefined;
}

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;
/** The highest TCP port. */
export const MAX_PORT = 65_535;

/**
 * Checks where a worker is to listen. Pure.
 *
 * Whoever reaches an open port can call the worker's routines. A worker without credentials therefore listens
 * beyond this host only if it is told `insecure: true`.
 *
 * @param inside `trusted`: whether the worker has credentials; default false. `workers`: how many there will be, on
 *   this port and those after it if it is not 0; default 1.
 * @returns The options with plain addresses, without brackets if no port follows. Passing them again gives the same.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for the first that cannot be accepted.
 */
export function resolveNetworkOptions(
  options: NetworkOptions,
  { trusted = false, workers = 1 }: { readonly trusted?: boolean; readonly workers?: number } = {},
): NetworkOptions {
  const { host, port, advertise, health, insecure = false } = options;
  if (!isHost(host)) {
    throw new InvalidOptionError("host", {
      value: host,
      expected: "an IP address or a host name, without a port, for example '127.0.0.1', '::' or '0.0.0.0'",
    });
  }
  if (!(Number.isInteger(port) && port >= 0 && port <= MAX_PORT)) {
    throw new InvalidOptionError("port", { value: port, expected: `an integer from 0 (any) to ${MAX_PORT}` });
  }
  const advertised = advertise === undefined ? undefined : parseEndpoint(advertise);
  if (advertise !== undefined && (advertised === undefined || isWildcard(advertised.host))) {
    throw new InvalidOptionError("advertise", {
      value: advertise,
      expected:
        "the IP address or host name by which callers reach this worker, with the port behind it if that is another one: '203.0.113.7', 'worker.example:7777', '[fd00::7]:7777'",
    });
  }
  assertBoolean("insecure", insecure);
  if (insecure && trusted) {
    throw new InvalidOptionError("insecure", {
      value: insecure,
      expected: "nothing beside credentials, which already say who may call the worker",
    });
  }
  if (!insecure && !trusted && !isLoopback(plain(host))) {
    throw new InvalidOptionError("insecure", {
      value: insecure,
      expected: `credentials for the worker; or true, since without them on '${host}' anybody who reaches the port can call the worker; or a host that only this machine reaches, such as '127.0.0.1'`,
    });
  }
  return {
    host: plain(host),
    port,
    advertise: advertised === undefined ? undefined : formatEndpoint(advertised),
    health: health === undefined ? undefined : resolveHealth(health, { host: plain(host), port, workers }),
    insecure,
  };
}

function resolveHealth(
  health: string,
  calls: { readonly host: string; readonly port: number; readonly workers: number },
): string {
  const { host, port } = parseEndpoint(health) ?? {};
  if (host === undefined || port === undefined || port + calls.workers - 1 > MAX_PORT) {
    const last =
      calls.workers === 1 ? "" : `, the first of ${calls.workers} ports none of which is above ${MAX_PORT}`;
    throw new InvalidOptionError("health", {
      value: health,
      expected: `an address of this host and a port, as '0.0.0.0:9000', '127.0.0.1:9000' or '[::]:9000'${last}`,
    });
  }
  const together = host === calls.host || isWildcard(host) || isWildcard(calls.host);
  if (together && calls.port !== 0 && Math.abs(port - calls.port) < calls.workers) {
    throw new InvalidOptionError("health", {
      value: health,
      expected: `another port than those on which calls are taken (${calls.port}${calls.workers === 1 ? "" : ` to ${calls.port + calls.workers - 1}`})`,
    });
  }
  return formatEndpoint({ host, port });
}

/** A host, without brackets, and a port if one is named. */
export interface Endpoint {
  readonly host: string;
  readonly port?: number;
}

/** Reads a host, or host and port; undefined for anything else. */
export function parseEndpoint(value: unknown): Endpoint | undefined {
  if (isHost(value)) return { host: plain(value) };
  const [, host, digits] = typeof value === "string" ? (/^(.+):([0-9]{1,5})$/.exec(value) ?? []) : [];
  const port = Number(digits);
  // An IPv6 address has colons of its own: before a port, it needs its brackets.
  if (!isHost(host) || isIP(host) === 6 || !(port >= 1 && port <= MAX_PORT)) return undefined;
  return { host: plain(host), port };
}

/** Writes host and port in the form that {@link parseEndpoint} and the address of a worker's record have. */
export function formatEndpoint({ host, port }: Endpoint): string {
  if (port === undefined) return host;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Tells whether an address stands for all addresses of the host. */
export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || /^[0:]+$/.test(address);
}

/** Tells whether an address is reached from its own host only. */
function isLoopback(host: string): boolean {
  return (
    host.toLowerCase() === "localhost" ||
    host === "::1" ||
    (isIP(host) === 4 && host.startsWith("127.")) ||
    /^::ffff:127\./i.test(host)
  );
}

function isHost(value: unknown): value is string {
  return typeof value === "string" && (isIP(plain(value)) !== 0 || HOST_NAME.test(value));
}

/** An IPv6 address may be written in brackets, as in URLs. */
function plain(host: string): string {
  return /^\[.*\]$/.test(host) && isIP(host.slice(1, -1)) === 6 ? host.slice(1, -1) : host;
}

/** Name, port and options of a DNS discovery, as users write them, and as they are after checking. */
import { isIP } from "node:net";
import { assertDuration, assertKnownOptions } from "../../errors/check-options.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/** How often a {@link DnsDiscovery} looks, and where. Durations in milliseconds. */
export interface DnsDiscoveryOptions {
  /**
   * Time between two questions to DNS, and between two descriptions of one worker; from 50 to 3 600 000. It
   * bounds for how long a change, or a worker's death, goes unnoticed. Default 5 000.
   */
  readonly pollInterval?: number | undefined;
  /** How long an address has to describe itself; from 10 to 60 000. Default 2 000. */
  readonly describeTimeout?: number | undefined;
  /**
   * DNS servers to ask in place of the system's: IP addresses, each with or without a port, such as
   * `"10.0.0.10"`, `"127.0.0.1:8600"` or `"[::1]:5353"`; 1 to 8. Default: the system's.
   */
  readonly servers?: readonly string[] | undefined;
  /** Only IPv4 or only IPv6 addresses. Default: both. */
  readonly family?: 4 | 6 | undefined;
}

/** The name, port and options of a DNS discovery after validation. */
export interface ResolvedDnsDiscovery {
  /** In lower case, without a trailing dot. */
  readonly name: string;
  /** Whether the name stands for SRV records. */
  readonly service: boolean;
  /** Undefined: every SRV record brings its own port. */
  readonly port: number | undefined;
  readonly pollIntervalMs: number;
  readonly describeTimeoutMs: number;
  /** Undefined: the system's servers. */
  readonly servers: readonly string[] | undefined;
  readonly families: readonly (4 | 6)[];
}

const DNS_OPTIONS: Readonly<Record<keyof DnsDiscoveryOptions, true>> = {
  pollInterval: true,
  describeTimeout: true,
  servers: true,
  family: true,
};

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME = 253;
const MAX_SERVERS = 8;
const IPV6_AND_PORT = /^\[(.+)\]:(\d{1,5})$/;
const IPV4_AND_PORT = /^([^:]+):(\d{1,5})$/;

/**
 * Checks the name, port and options of a DNS discovery and fills in defaults.
 *
 * @throws {@link InvalidOptionError} for the first value, or combination, that cannot be accepted.
 */
export function resolveDnsDiscovery(
  name: string,
  port: number | undefined,
  options: DnsDiscoveryOptions = {},
): ResolvedDnsDiscovery {
  assertKnownOptions(options, DNS_OPTIONS);
  const { pollInterval = 5_000, describeTimeout = 2_000, servers, family } = options;
  const parsed = parseName(name);
  const service = parsed.startsWith("_");
  if (port === undefined ? !service : !isPort(port)) {
    throw new InvalidOptionError("port", {
      value: port,
      expected: "a port from 1 to 65535; only a name that begins with '_' (SRV) brings ports of its own",
    });
  }
  assertDuration("pollInterval", pollInterval, { least: 50, most: 3_600_000 });
  assertDuration("describeTimeout", describeTimeout, { least: 10, most: 60_000 });
  if (family !== undefined && family !== 4 && family !== 6) {
    throw new InvalidOptionError("family", { value: family, expected: "4, 6, or undefined for both" });
  }
  return {
    name: parsed,
    service,
    port,
    pollIntervalMs: pollInterval,
    describeTimeoutMs: describeTimeout,
    servers: servers === undefined ? undefined : parseServers(servers),
    families: family === undefined ? [4, 6] : [family],
  };
}

function parseName(value: unknown): string {
  if (typeof value === "string") {
    const name = value.toLowerCase().replace(/\.$/, "");
    const labels = name.split(".");
    // A last label of digits alone makes it an address, or something that a resolver takes for one.
    const numeric = /^\d+$/.test(labels.at(-1) ?? "");
    if (name.length <= MAX_NAME && !numeric && labels.every((label) => LABEL.test(label))) return name;
  }
  throw new InvalidOptionError("name", {
    value,
    expected:
      "a complete DNS name such as 'jobs.default.svc.cluster.local' (no address, no port; " +
      "for fixed addresses use StaticDiscovery)",
  });
}

function parseServers(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length >= 1 && value.length <= MAX_SERVERS && value.every(isServer)) {
    return Object.freeze([...value]);
  }
  throw new InvalidOptionError("servers", {
    value,
    expected: `1 to ${MAX_SERVERS} IP addresses of DNS servers, such as '10.0.0.10', '127.0.0.1:8600' or '[::1]:53'`,
  });
}

function isServer(value: unknown): value is string {
  // Node's resolver would drop a zone (`%eth0`) in silence.
  if (typeof value !== "string" || value.includes("%")) return false;
  if (isIP(value) !== 0) return true;
  const [, host = "", port] = IPV6_AND_PORT.exec(value) ?? IPV4_AND_PORT.exec(value) ?? [];
  return isIP(host) === (value.startsWith("[") ? 6 : 4) && isPort(Number(port));
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

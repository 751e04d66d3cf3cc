/** Options of the discovery, as its users write them and as its parts read them. */
import { InvalidOptionError } from "merino";

/** Where the workers of a namespace are announced, and for how long at a time. */
export interface RedisDiscoveryOptions {
  /** `redis://[user:password@]host:port[/database]`, or `rediss://…` for TLS. */
  readonly url: string;
  /** Name under which workers find one another: 1 to 64 letters, digits, `.`, `_` or `-`. */
  readonly namespace: string;
  /**
   * Milliseconds that a record outlives its publisher: an integer from 500. A killed worker is gone after
   * this time and another third of it. Default 6 000.
   */
  readonly ttl?: number;
  /**
   * Whether everybody who can write to that Redis is on this host and trusted like you. Only then are workers
   * announced and believed that are reached through Unix sockets. Default false.
   */
  readonly sameHost?: boolean;
}

/** {@link RedisDiscoveryOptions} after validation. */
export interface RedisDiscoverySettings {
  readonly url: string;
  readonly namespace: string;
  readonly ttlMs: number;
  readonly sameHost: boolean;
}

const DEFAULT_TTL_MS = 6_000;
const MIN_TTL_MS = 500;
const MAX_TTL_MS = 24 * 60 * 60 * 1_000;
const NAMESPACE = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Checks the options and fills in defaults.
 *
 * @throws {@link InvalidOptionError} for the first option that cannot be accepted.
 */
export function resolveRedisDiscoveryOptions(options: RedisDiscoveryOptions): RedisDiscoverySettings {
  const { url, namespace, ttl = DEFAULT_TTL_MS, sameHost = false } = options;
  if (!isRedisUrl(url)) {
    throw new InvalidOptionError("url", {
      value: "(kept back: it may hold a password)",
      expected: "'redis://host:port' or 'rediss://host:port'",
    });
  }
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) {
    throw new InvalidOptionError("namespace", {
      value: namespace,
      expected: "1 to 64 letters, digits, '.', '_' or '-'",
    });
  }
  if (!Number.isSafeInteger(ttl) || ttl < MIN_TTL_MS || ttl > MAX_TTL_MS) {
    throw new InvalidOptionError("ttl", {
      value: ttl,
      expected: `an integer from ${MIN_TTL_MS} to ${MAX_TTL_MS}, in milliseconds`,
    });
  }
  if (typeof sameHost !== "boolean") {
    throw new InvalidOptionError("sameHost", { value: sameHost, expected: "a boolean" });
  }
  return { url, namespace, ttlMs: ttl, sameHost };
}

function isRedisUrl(value: unknown): value is string {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return (protocol === "redis:" || protocol === "rediss:") && hostname !== "";
}

/** Transport settings that a worker advertises and its clients apply. */

/** Settings that a worker asks its clients to keep to. Sizes in bytes, durations in milliseconds. */
export interface ChannelOptions {
  /** Largest message accepted, binary parts included. Default 100 MiB. */
  readonly maxMessageSize?: number;
  /**
   * The largest number of root calls that one client may have under way at the worker. Nested calls do not count.
   * Default 100 000.
   */
  readonly maxConcurrentCalls?: number;
  /** Silence on a network connection after which its peer is probed. Local connections need no probes. Default 30 000. */
  readonly keepaliveTime?: number;
  /** How long a probe may stay unanswered before the connection counts as lost. Default 10 000. */
  readonly keepaliveTimeout?: number;
}

/** The settings of a worker that advertises none. */
export const DEFAULT_CHANNEL_OPTIONS: Required<ChannelOptions> = Object.freeze({
  maxMessageSize: 100 * 1024 * 1024,
  maxConcurrentCalls: 100_000,
  keepaliveTime: 30_000,
  keepaliveTimeout: 10_000,
});

/** What stands for "never" as a time of keepalive, which the wire has no other word for; gRPC's own. */
export const KEEPALIVE_NEVER_MS = 2_147_483_647;

/** Every option there is; a table, so that code that reads them all cannot forget one. */
export const CHANNEL_OPTION_NAMES: readonly (keyof ChannelOptions)[] = Object.freeze(
  Object.keys(DEFAULT_CHANNEL_OPTIONS) as (keyof ChannelOptions)[],
);

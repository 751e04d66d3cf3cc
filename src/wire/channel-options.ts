/** Transport settings that a worker advertises and its clients apply. */

/** What a worker asks of its clients. Sizes in bytes, durations in milliseconds. */
export interface ChannelOptions {
  /** Largest message accepted, binary parts included. Default 100 MiB. */
  readonly maxMessageSize?: number;
  /** Most root calls one client sends at a time. Nested calls do not count. Default 100 000. */
  readonly maxConcurrentCalls?: number;
  /** Silence on a network connection after which its peer is probed. Local connections need no probes. Default 30 000. */
  readonly keepaliveTime?: number;
  /** How long a probe may stay unanswered before the connection counts as lost. Default 10 000. */
  readonly keepaliveTimeout?: number;
}

/** What holds where a worker advertises nothing else. */
export const DEFAULT_CHANNEL_OPTIONS: Required<ChannelOptions> = Object.freeze({
  maxMessageSize: 100 * 1024 * 1024,
  maxConcurrentCalls: 100_000,
  keepaliveTime: 30_000,
  keepaliveTimeout: 10_000,
});

/** Every option there is; a table, so that what reads them all cannot forget one. */
export const CHANNEL_OPTION_NAMES: readonly (keyof ChannelOptions)[] = Object.freeze(
  Object.keys(DEFAULT_CHANNEL_OPTIONS) as (keyof ChannelOptions)[],
);

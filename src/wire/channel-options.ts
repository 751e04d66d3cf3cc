/** Transport settings that a worker advertises and its clients apply. */

/** What a worker asks of its clients. Sizes in bytes. */
export interface ChannelOptions {
  /** Largest message accepted, binary parts included. Default 100 MiB. */
  readonly maxMessageSize?: number;
  /** Most root calls one client sends at a time. Nested calls do not count. Default 100 000. */
  readonly maxConcurrentCalls?: number;
}

/** What holds where a worker advertises nothing else. */
export const DEFAULT_CHANNEL_OPTIONS: Required<ChannelOptions> = Object.freeze({
  maxMessageSize: 100 * 1024 * 1024,
  maxConcurrentCalls: 100_000,
});

/** What a peer accepts on one connection. Announced in its Hello; both sides keep to the other's. */
import { DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import type { Limits } from "../wire/frames.ts";

/** The limits of this implementation. Sizes in bytes. */
export const DEFAULT_LIMITS: Limits = {
  // One flush of a busy turn; larger payloads travel as chunks, so nothing legitimate comes close.
  maxBatch: 16 * 1024 * 1024,
  maxMessage: DEFAULT_CHANNEL_OPTIONS.maxMessageSize,
  maxStreams: 1_000_000,
  // Values that a prefetching generator may have produced and the consumer not yet taken.
  streamWindow: 1024 * 1024,
  connectionWindow: 8 * 1024 * 1024,
  maxDefines: 65_536,
  maxOpenMessages: 1024,
  maxDepth: 1000,
};

/** The version of the payload codec's features that peers may list. None so far. */
export const FEATURES: readonly number[] = [];

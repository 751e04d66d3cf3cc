/** What a peer accepts and understands on one connection. Announced in its Hello; both sides keep to the other's. */
import { DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import { Feature } from "../wire/features.ts";
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

/** The optional parts of the protocol that this implementation understands. */
export const FEATURES: readonly number[] = Object.freeze(Object.values(Feature));

/** What a peer does not state is taken to be as here. */
export function completeLimits(stated: Limits): Limits {
  return {
    maxBatch: stated.maxBatch || DEFAULT_LIMITS.maxBatch,
    maxMessage: stated.maxMessage || DEFAULT_LIMITS.maxMessage,
    maxStreams: stated.maxStreams || DEFAULT_LIMITS.maxStreams,
    streamWindow: stated.streamWindow || DEFAULT_LIMITS.streamWindow,
    connectionWindow: stated.connectionWindow || DEFAULT_LIMITS.connectionWindow,
    maxDefines: stated.maxDefines || DEFAULT_LIMITS.maxDefines,
    maxOpenMessages: stated.maxOpenMessages || DEFAULT_LIMITS.maxOpenMessages,
    maxDepth: stated.maxDepth || DEFAULT_LIMITS.maxDepth,
  };
}

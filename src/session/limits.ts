/**
 * The limits and features of a peer on one connection. Each side announces its own in its Hello and keeps to those
 * of the other.
 */
import { DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import { Feature } from "../wire/features.ts";
import type { Hello, Limits } from "../wire/frames.ts";

/** Bytes of a payload that travel inside its frame, and of data in a full chunk, if a batch may be four times as large. */
export const CHUNK_SIZE = 65536;

/**
 * The same between processes of one host, where a batch costs some ten microseconds at both ends: large enough that this
 * does not count beside the copying, and small enough that frames of other streams wait for less than a millisecond.
 */
export const LOCAL_CHUNK_SIZE = 1_048_576;

/** The limits of this implementation. Sizes in bytes. */
export const DEFAULT_LIMITS: Limits = {
  // Enough for all that one busy turn of the event loop writes. Large payloads are split into chunks, so an
  // honest peer stays far below.
  maxBatch: 16 * 1024 * 1024,
  maxMessage: DEFAULT_CHANNEL_OPTIONS.maxMessageSize,
  maxStreams: 1_000_000,
  // How many bytes of values a generator with `prefetch` may send before the consumer takes them.
  streamWindow: 1024 * 1024,
  connectionWindow: 8 * 1024 * 1024,
  maxDefines: 65_536,
  maxOpenMessages: 1024,
  maxDepth: 1000,
};

/** The optional parts of the protocol that this implementation understands. */
export const FEATURES: readonly number[] = Object.freeze(Object.values(Feature));

/** A limit that the peer left out (0) gets our own default. */
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

/**
 * What this side announces, with no more unfinished messages than its memory has room for, since each may be of the largest
 * size.
 */
export function withinBudget(hello: Hello, budget: { openMessages(maxMessage: number): number }): Hello {
  const { limits } = hello;
  const maxOpenMessages = Math.min(limits.maxOpenMessages, budget.openMessages(limits.maxMessage));
  return { ...hello, limits: { ...limits, maxOpenMessages } };
}

/**
 * How much of this process's memory its peers may fill together. Bytes of messages lie outside the heap, and are
 * bounded by the memory that the process may have; objects lie in the heap, whose own limit is often lower, and count
 * for as much more.
 */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";

/** Bytes that peers may make a process hold, where its memory allows for more than four times that. */
const USUAL_BYTES = 512 * 1024 * 1024;
/** The part of the memory that peers may fill. */
const MEMORY_SHARE = 1 / 4;
/** So many of the largest messages fit, however little memory there is. */
export const LEAST_MESSAGES = 3;

/**
 * Memory that is garbage for a while, and is not counted: what has come is copied from buffers of Node's, and both threads
 * of a worker collect theirs when tens of megabytes have gathered. It may be a quarter of what is held; where that is less,
 * less is held.
 */
const GARBAGE_BYTES = 96 * 1024 * 1024;
const GARBAGE_SHARE = 1 / 4;
/** So much of what is allowed is held all the same, and so many of the largest messages. */
const LEAST_HELD_SHARE = 1 / 2;
const LEAST_HELD_MESSAGES = 2;

/** What a session takes up in both threads of a worker, its stream of HTTP/2 and their port included: as measured. */
const CONNECTION_BYTES = 48 * 1024;
/** The most that they leave less for everything else by being there, all together. */
export const CONNECTION_SHARE: number = 1 / 2;
/** So many may be open in any case. */
const LEAST_CONNECTIONS = 64;

/** Environment variable with the limit in bytes, for programs and workers alike. */
const MAX_HELD_BYTES_VARIABLE = "MERINO_MAX_HELD_BYTES";

/** The figures of a budget. */
export interface MemoryLimits {
  /** What all peers together may make the process hold, as it is counted, in bytes. */
  readonly limitBytes: number;
  /** What a byte of an object counts, at least 1. */
  readonly objectWeight: number;
  /** What each connection takes up by itself, and leaves that much less for others to hold; absent: nothing. */
  readonly connectionBytes?: number;
}

/** What the limits follow from. */
export interface MemoryFigures {
  /** The memory that the process may have, in bytes. */
  readonly availableBytes: number;
  /** The heap that it may have, in bytes. */
  readonly heapBytes: number;
  /** What its owner allows, in bytes; absent: 512 MiB, or a quarter of its memory if that is less. */
  readonly allowedBytes?: number | undefined;
}

/**
 * The limits of this process.
 *
 * @param maxMessage The largest message that it takes, in bytes.
 * @param allowedBytes What its owner allows, if that is said by an option and not by the environment.
 */
export function memoryLimits(
  maxMessage: number = DEFAULT_CHANNEL_OPTIONS.maxMessageSize,
  allowedBytes?: number,
  figures: MemoryFigures = ownMemory(),
): MemoryLimits {
  const usual = Math.min(USUAL_BYTES, figures.availableBytes * MEMORY_SHARE);
  const limit = Math.max(allowedBytes ?? figures.allowedBytes ?? usual, LEAST_MESSAGES * maxMessage);
  const held = Math.min(limit, limit * (1 + GARBAGE_SHARE) - GARBAGE_BYTES);
  return {
    limitBytes: Math.max(held, limit * LEAST_HELD_SHARE, LEAST_HELD_MESSAGES * maxMessage),
    objectWeight: Math.max(1, limit / (figures.heapBytes * MEMORY_SHARE)),
    connectionBytes: CONNECTION_BYTES,
  };
}

/** How many sessions and dispatch calls may be open at a time, so that they leave half of it for what callers send. */
export function mostConnections({ limitBytes }: MemoryLimits): number {
  return Math.max(LEAST_CONNECTIONS, Math.floor((limitBytes * CONNECTION_SHARE) / CONNECTION_BYTES));
}

function ownMemory(): MemoryFigures {
  const total = totalmem();
  // 0 or a number beyond all memory where nothing limits the process.
  const constrained = process.constrainedMemory?.() ?? 0;
  const allowed = Number(process.env[MAX_HELD_BYTES_VARIABLE]);
  return {
    availableBytes: constrained > 0 ? Math.min(constrained, total) : total,
    heapBytes: getHeapStatistics().heap_size_limit,
    allowedBytes: allowed > 0 ? allowed : undefined,
  };
}

/**
 * The port between a connection and the half of the session that uses it. The connection checks and sorts what
 * arrives; the half alone knows the streams and what their frames mean.
 */
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import type { GoAway, Hello } from "../wire/frames.ts";
import type { ReceivedMessage } from "./messages/received-message.ts";

/** What a half does with what reaches it. Frames and messages are cursors, valid during the call. */
export interface SessionHalf {
  /**
   * When a turn's frames leave. `tick`: at the next tick, which for code in microtasks comes after all of
   * them; for the half whose frames are written by users' continuations. `microtasks`: after those too that
   * the code now running has caused; for the half whose frames follow from what it has just received.
   */
  readonly flushAfter: "tick" | "microtasks";
  /**
   * Whether the peer is a client. Only what a client defines is asked for, and kept; and only what waits for a client to
   * read it is counted as held for the peer, since what a client sends is its own.
   */
  readonly serves: boolean;
  /** The peer's Hello has come and fits. */
  ready(hello: Hello): void;
  /**
   * Whether the stream is under way here; frames of one that has ended are late, and dropped.
   *
   * @throws {@link ProtocolError} for a stream that was never opened.
   */
  isOpen(stream: number): boolean;
  /**
   * A task's head.
   *
   * @param payload Its arguments, if they have come with it; otherwise `taskPayload` follows unless the stream ends.
   */
  task(frame: FrameReader, payload: ReceivedMessage | undefined): void;
  taskPayload(message: ReceivedMessage): void;
  /** A whole Send, Throw, Return, Result, Exception or Done. */
  message(message: ReceivedMessage): void;
  /** Any other frame of a stream. */
  control(frame: FrameReader): void;
  /** The peer broke a rule on one stream; the stream is over on this side. */
  broken(stream: number, problem: string): void;
  goAway(frame: GoAway): void;
  pong(token: number): void;
  /** A whole batch has been read. */
  batchEnd(): void;
  /** Frames have been written, the first since the last turn's end. */
  written(): void;
  /** Frames are about to leave at the end of a turn. */
  beforeFlush(): void;
  /** Everything written so far is with the carrier. */
  flushed(): void;
  /** The carrier takes more again. */
  drained(): void;
  /** The connection is over; nothing follows. */
  closed(error: Error | undefined): void;
}

/**
 * The session of a dispatch relay with the worker's main thread, as far as it is the same whatever the task:
 * its Hello, the requests that wait for the worker's Hello, the window that is given back, the cancellation and
 * the end. It reads nothing: `relay.ts` gets all that the worker sends.
 */
import { randomUUID } from "node:crypto";
import { DEFAULT_LIMITS } from "../../../session/limits.ts";
import { Feature } from "../../../wire/features.ts";
import { encodeHello } from "../../../wire/messages/hello.ts";
import { FieldWriter } from "../../../wire/protobuf/field-writer.ts";
import { FrameTag, RequestTag, WindowTag } from "../../../wire/tags.ts";
import { connectionFrame, fieldHead, joined, requestFrame, STREAM } from "./bytes.ts";
import type { DispatchCaller } from "./requests.ts";

/** Where the relay sends the batches of its session. */
export interface RelayChannel {
  /** @param batch A whole batch in memory of its own, which the relay does not touch again. */
  send(batch: Uint8Array): void;
  /** Ends the session; called once, as the relay's last act on it. */
  close(): void;
}

/** How many requests a caller may send behind its Task while the worker's thread is too busy to send its Hello. */
const MAX_EARLY_REQUESTS = 1000;
const MAX_EARLY_BYTES = 16 * 1024 * 1024;

/** Requests that come together go to the worker in batches of at most so many bytes; a longer one goes alone. */
const BATCH_BYTES = 64 * 1024;

/** Bytes of responses after which the worker gets its window back. */
const WINDOW_STEP = 1024 * 1024;

/** A Cancel without a reason. */
const CANCEL: Uint8Array = fieldHead(RequestTag.Cancel, 0);

/** A session of one stream. */
export class DispatchSession {
  readonly #channel: RelayChannel;
  #state: "greeting" | "open" | "closed" = "greeting";
  /** Requests that wait for the worker's Hello; the Task first. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** Requests that have come in this turn, for the worker that has said Hello. */
  #pending: Uint8Array[] = [];
  #cancelled = false;
  #unreturnedBytes = 0;

  readonly #flush = (): void => {
    const pending = this.#pending;
    this.#pending = [];
    if (this.#state === "open") this.#send(pending);
  };

  constructor(channel: RelayChannel) {
    this.#channel = channel;
  }

  /** `greeting` until {@link open}; `open` until the task's terminal frame; then `closed`. */
  get state(): "greeting" | "open" | "closed" {
    return this.#state;
  }

  /** Whether the relay has told the task to end: the task's answers to that are not passed on to its caller. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Takes the frame with the Task, to be sent once the session is open. */
  begin(task: Uint8Array): void {
    this.#early.push(task);
  }

  /**
   * Sends a frame to the worker, behind those that wait for its Hello.
   *
   * @returns False if too many of them wait.
   */
  forward(frame: Uint8Array): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "open") {
      // A message to the other thread costs more than a request: those of one packet leave together.
      if (this.#pending.push(frame) === 1) queueMicrotask(this.#flush);
      return true;
    }
    this.#early.push(frame);
    this.#earlyBytes += frame.length;
    return this.#early.length <= MAX_EARLY_REQUESTS && this.#earlyBytes <= MAX_EARLY_BYTES;
  }

  /** Introduces the caller to the worker, and sends what has waited for that. */
  open(caller: DispatchCaller): void {
    this.#state = "open";
    const hello = encodeHello({
      session: STREAM,
      version: caller.version,
      uid: randomUUID(),
      runtime: "dispatch",
      codecs: [caller.codec],
      // Not Parts, whatever the caller lists: a dispatch has no frames for them.
      features: caller.knowsGrammar ? [Feature.Grammar] : [],
      limits: DEFAULT_LIMITS,
    });
    this.#channel.send(connectionFrame(FrameTag.Hello, hello));
    const early = this.#early;
    this.#early = [];
    this.#send(early);
  }

  /** Counts envelopes as well, which the worker does not: a few bytes more than it has sent do no harm. */
  returnWindow(bytes: number): void {
    this.#unreturnedBytes += bytes;
    if (this.#unreturnedBytes < WINDOW_STEP) return;
    const window = new FieldWriter().uint(WindowTag.Bytes, this.#unreturnedBytes).finish();
    this.#channel.send(connectionFrame(FrameTag.Window, window));
    this.#unreturnedBytes = 0;
  }

  /** Nobody listens any more. A task that has started keeps its session until its terminal frame. */
  abandon(): void {
    if (this.#state === "open") this.cancel();
    else this.close();
  }

  /** Tells the task to end. Idempotent. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#flush();
    this.#channel.send(requestFrame(CANCEL));
  }

  /** Closes the channel: the task is over, or nothing can be heard of it any more. Idempotent. */
  close(): void {
    if (this.#state === "closed") return;
    this.lost();
    this.#channel.close();
  }

  /** The channel has ended by itself. */
  lost(): void {
    this.#state = "closed";
    this.#early = [];
  }

  /** Sends frames in as few batches as they need; batches of frames in a row are one of all of them. */
  #send(frames: readonly Uint8Array[]): void {
    let first = 0;
    for (let next = 1, bytes = frames[0]?.length ?? 0; first < frames.length; next++) {
      bytes += frames[next]?.length ?? Number.POSITIVE_INFINITY;
      if (bytes <= BATCH_BYTES) continue;
      const [only, ...others] = frames.slice(first, next) as [Uint8Array, ...Uint8Array[]];
      this.#channel.send(others.length === 0 ? only : joined(only, ...others));
      first = next;
      bytes = frames[next]?.length ?? 0;
    }
  }
}

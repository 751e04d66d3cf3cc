/**
 * Translates between one `dispatch` stream of gRPC, on which a caller speaks of a single task, and a session
 * of one stream with the thread that runs it. It moves bytes and reads heads, never payloads, and opens
 * nothing itself. Whatever happens on either side, the stream ends exactly once, and the channel is closed
 * as soon as the task has its terminal frame.
 */
import { isMerinoError } from "../../../errors/merino-error.ts";
import type { Hello } from "../../../wire/frames.ts";
import { headMismatch } from "../../../wire/head-mismatch.ts";
import { decodeGoAway } from "../../../wire/messages/go-away.ts";
import { decodeHello } from "../../../wire/messages/hello.ts";
import { refusalName } from "../../../wire/messages/nack-code.ts";
import { decodeReset } from "../../../wire/messages/reset.ts";
import { FrameTag, RequestTag, ResponseTag } from "../../../wire/tags.ts";
import { NOT_STARTED_TRAILER } from "../../grpc/service.ts";
import { GrpcStatus } from "../../grpc/status-codes.ts";
import type { CallStatus } from "../server-call.ts";
import { DispatchAnswers, type RelaySink } from "./answers.ts";
import { fieldHead, requestFrame, STREAM } from "./bytes.ts";
import { FrameCursor } from "./frame-cursor.ts";
import { DispatchRequests } from "./requests.ts";
import { ResponseCursor } from "./response-cursor.ts";
import { DispatchSession, type RelayChannel } from "./session.ts";

/** A Next, as a caller would have sent it. */
const NEXT: Uint8Array = fieldHead(RequestTag.Next, 0);

/**
 * One `dispatch` stream.
 *
 * Fed from both sides, each in order: `request`, `halfClosed` and `cancelled` by the gRPC stream, `batch` and
 * `closed` by the channel. Anything that comes after the end of either side is ignored.
 *
 * - The task is sent once the worker's Hello has come: up to then it has provably not started, and a channel
 *   that ends is UNAVAILABLE with the trailer `merino-not-started: 1`.
 * - Which messages a caller gets depends on the grammar that it knows; see `answers.ts`.
 * - A caller that half-closes asks for nothing more. If it has asked for no step, one Next is asked for it;
 *   once every step is answered, a generator that is still there is closed, and the stream ends well.
 */
export class DispatchRelay {
  readonly #session: DispatchSession;
  readonly #answers: DispatchAnswers;
  readonly #requests = new DispatchRequests();
  readonly #frames = new FrameCursor();
  readonly #answer = new ResponseCursor();
  /** The worker, as it introduces itself. */
  #worker: Hello | undefined;
  /** The worker has said that it has started nothing. */
  #disowned = false;
  #halfClosed = false;
  /** Steps that the caller has asked for and that have not been answered. */
  #awaited = 0;
  #stepped = false;

  /**
   * @param channel To the worker's main thread. It must be open; its first batch holds the worker's Hello.
   * @param sink The gRPC stream.
   */
  constructor(channel: RelayChannel, sink: RelaySink) {
    this.#session = new DispatchSession(channel);
    this.#answers = new DispatchAnswers(sink);
  }

  // The caller's side.

  /** Takes one `Request` of the caller. The bytes are copied. */
  request(bytes: Uint8Array): void {
    if (this.#answers.ended || this.#halfClosed) return;
    const requests = this.#requests;
    const first = requests.caller === undefined;
    requests.next(bytes);
    if (requests.problem !== undefined) {
      this.#refuse(requests.problem.code, requests.problem.details);
      return;
    }
    if (requests.step) this.#countStep();
    if (first) {
      this.#session.begin(requests.frame);
      this.#introduce();
    } else {
      this.#forward(requests.frame);
    }
  }

  /** The caller sends no more requests. */
  halfClosed(): void {
    if (this.#answers.ended || this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#requests.caller === undefined) {
      this.#refuse(GrpcStatus.FAILED_PRECONDITION, "The stream ended before its first message, a Task");
      return;
    }
    if (!this.#stepped) {
      this.#countStep();
      this.#forward(requestFrame(NEXT));
    }
    this.#closeIfAnswered();
  }

  /** The caller has gone. The task is cancelled, and its terminal frame awaited. */
  cancelled(): void {
    if (this.#answers.ended) return;
    this.#answers.abandon();
    this.#session.abandon();
  }

  #countStep(): void {
    this.#stepped = true;
    this.#awaited += 1;
  }

  #forward(frame: Uint8Array): void {
    if (this.#session.forward(frame)) return;
    this.#refuse(
      GrpcStatus.RESOURCE_EXHAUSTED,
      "Too many requests before the worker has answered; await the Ack",
    );
  }

  /** Introduces caller and worker to each other, once both are known. */
  #introduce(): void {
    const caller = this.#requests.caller;
    const worker = this.#worker;
    if (caller === undefined || worker === undefined) return;
    const mismatch = headMismatch(caller, worker);
    if (mismatch !== undefined) {
      this.#answers.mismatch(mismatch, worker);
      this.#finish();
      return;
    }
    this.#answers.introduce(caller, worker);
    this.#session.open(caller);
  }

  /** Nobody will take another step of a generator whose caller has half-closed and has all its answers. */
  #closeIfAnswered(): void {
    if (this.#halfClosed && this.#awaited === 0 && this.#session.state === "open") this.#session.cancel();
  }

  // The worker's side.

  /** Takes one batch of the worker. */
  batch(bytes: Uint8Array, start: number, end: number): void {
    const frames = this.#frames;
    frames.reset(bytes, start, end);
    try {
      while (this.#session.state !== "closed" && frames.next()) this.#frame(bytes);
    } catch (error) {
      if (!isMerinoError(error)) throw error;
      this.#fail(`The worker broke the protocol: ${error.message}`);
    }
  }

  /**
   * The channel has ended.
   *
   * @param error Why it ended; absent if it was closed in good order.
   */
  closed(error?: Error): void {
    const { state } = this.#session;
    if (state === "closed") return;
    this.#session.lost();
    const why = error === undefined ? "it is shutting down" : error.message;
    this.#answers.end(
      state === "greeting" || this.#disowned
        ? notStarted(GrpcStatus.UNAVAILABLE, `The worker cannot be reached: ${why}. The task was not started`)
        : {
            code: GrpcStatus.UNAVAILABLE,
            details: `The worker is gone: ${why}. The task may have run`,
          },
    );
  }

  #frame(bytes: Uint8Array): void {
    const { stream, body, bodyStart, bodyEnd } = this.#frames;
    if (this.#session.state === "greeting") {
      if (body === FrameTag.Hello) {
        this.#worker = decodeHello(bytes, bodyStart, bodyEnd);
        this.#introduce();
      }
      return;
    }
    if (body === FrameTag.Goaway) {
      if (decodeGoAway(bytes, bodyStart, bodyEnd).lastStream < STREAM) this.#disowned = true;
    } else if (stream !== STREAM) {
      return; // the connection's own affairs
    } else if (body === FrameTag.Response) {
      this.#response(bytes, bodyStart, bodyEnd);
    } else if (body === FrameTag.Reset) {
      const { code, detail } = decodeReset(bytes, bodyStart, bodyEnd);
      this.#fail(`The worker reset the stream (${refusalName(code)}): ${detail}`);
    } else if (body === FrameTag.Chunk) {
      this.#fail("The worker sent a chunk, which a dispatch has no frames for");
    }
  }

  #response(bytes: Uint8Array, start: number, end: number): void {
    const answers = this.#answers;
    const response = this.#answer;
    response.reset(bytes, start, end);
    this.#session.returnWindow(end - start);
    switch (response.tag) {
      case ResponseTag.Ack:
        answers.ack(response);
        return;
      case ResponseTag.Nack:
        answers.nack(response);
        this.#finish();
        return;
      case ResponseTag.Result:
        if (this.#awaited > 0) this.#awaited -= 1; // values that run ahead answer no step
        answers.pass(response);
        this.#closeIfAnswered();
        return;
      case ResponseTag.Exception:
        if (this.#session.cancelled) answers.acknowledge();
        else answers.pass(response);
        this.#finish();
        return;
      case ResponseTag.Done:
        answers.done(response);
        this.#finish();
        return;
      case ResponseTag.Parked:
        answers.acknowledge(); // a sign that the task has started; only callers of many tasks need to know when the thread is free
        return;
      default:
        this.#fail("The worker sent a response of an unknown kind");
    }
  }

  // Ends.

  /** The caller is at fault: its stream ends, and its task with it. */
  #refuse(code: GrpcStatus, details: string): void {
    this.#answers.end(this.#session.state === "greeting" ? notStarted(code, details) : { code, details });
    this.#session.abandon();
  }

  /** The worker is at fault: nothing that it says can be believed any more. */
  #fail(details: string): void {
    this.#finish({ code: GrpcStatus.INTERNAL, details });
  }

  /** The task is over, or nothing can be heard of it any more. */
  #finish(status?: CallStatus): void {
    this.#answers.end(status);
    this.#session.close();
  }
}

/** A status with the proof that the task has not been started. */
function notStarted(code: GrpcStatus, details: string): CallStatus {
  return { code, details, metadata: { [NOT_STARTED_TRAILER]: "1" } };
}

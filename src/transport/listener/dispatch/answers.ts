/**
 * Answers the caller of a `dispatch` stream: the worker's responses in the grammar that the caller knows, and
 * the end of the stream, once. `relay.ts` decides when each of them is due.
 *
 * The grammar of callers without `Feature.Grammar` is the original's: Ack, Results, then an Exception or the
 * end. A function's Done becomes a Result, a generator's becomes the end alone.
 */
import { Feature } from "../../../wire/features.ts";
import type { Hello } from "../../../wire/frames.ts";
import type { HeadMismatch } from "../../../wire/head-mismatch.ts";
import { encodeAck } from "../../../wire/messages/ack.ts";
import { encodeNack } from "../../../wire/messages/nack.ts";
import { ResponseTag } from "../../../wire/tags.ts";
import type { CallStatus } from "../server-call.ts";
import { responseOf } from "./bytes.ts";
import type { DispatchCaller } from "./requests.ts";
import type { ResponseCursor } from "./response-cursor.ts";

/** The caller's side of the stream. */
export interface RelaySink {
  /** @param bytes One `Response`; may be a view of the batch it came in. */
  response(bytes: Uint8Array): void;
  /** Ends the stream, with status OK unless another is given. Called once; nothing follows. */
  end(status?: CallStatus): void;
}

/** The answers on one stream. */
export class DispatchAnswers {
  readonly #sink: RelaySink;
  #caller: DispatchCaller | undefined;
  /** The Ack to give, as soon as the worker is known. */
  #ack: Uint8Array | undefined;
  #acked = false;
  #ended = false;

  constructor(sink: RelaySink) {
    this.#sink = sink;
  }

  /** The stream has been ended, or abandoned by its caller: nothing more is said on it. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Caller and worker understand each other. To be called before all answers of the worker. */
  introduce(caller: DispatchCaller, worker: Hello): void {
    const { version, uid, features } = worker;
    this.#caller = caller;
    this.#ack = encodeAck({
      version,
      uid,
      codec: caller.codec,
      features: features.filter(isFeatureOfDispatch),
    });
  }

  /** Caller and worker do not understand each other: sends a Nack in place of the worker's answer. */
  mismatch(mismatch: HeadMismatch, worker: Hello): void {
    const nack = encodeNack({ ...mismatch, retryAfterMs: 0, version: worker.version });
    this.#say(responseOf(ResponseTag.Nack, nack));
  }

  /** Sends the Ack, which comes before everything but a Nack, also if the session has left it out. */
  acknowledge(): void {
    if (this.#acked || this.#ack === undefined) return;
    this.#acked = true;
    this.#say(responseOf(ResponseTag.Ack, this.#ack));
  }

  /** The worker's Ack. The first is replaced by ours; a later one is a barrier, which only some callers know. */
  ack(response: ResponseCursor): void {
    if (this.#acked && this.#caller?.knowsGrammar === true) this.#say(response.whole);
    else this.acknowledge();
  }

  /** The worker's Nack, which no Ack precedes. */
  nack(response: ResponseCursor): void {
    this.#say(response.whole);
  }

  /** A Result or an Exception. */
  pass(response: ResponseCursor): void {
    this.acknowledge();
    this.#say(response.whole);
  }

  /** A function's value as a Result, a generator's end as nothing, unless the caller knows Done. */
  done(response: ResponseCursor): void {
    this.acknowledge();
    if (this.#caller?.knowsGrammar === true) this.#say(response.whole);
    else if (response.contentStart < response.contentEnd) this.#say(response.retagged(ResponseTag.Result));
  }

  /** Ends the stream, unless it has ended. */
  end(status?: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    if (status === undefined) this.#sink.end();
    else this.#sink.end(status);
  }

  /** The caller has gone: there is nobody to tell. */
  abandon(): void {
    this.#ended = true;
  }

  #say(bytes: Uint8Array): void {
    if (!this.#ended) this.#sink.response(bytes);
  }
}

function isFeatureOfDispatch(feature: number): boolean {
  return feature === Feature.Grammar;
}

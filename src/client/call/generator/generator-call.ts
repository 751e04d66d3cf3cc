/**
 * The call of a routine that answers with a stream: which steps go to the worker, and how the stream ends.
 * The generator that the consumer has is no more than a handle on it, so that one that is dropped without having
 * been ended can be noticed, and its call ended.
 */
import { discard } from "../../../codec/beside/attachments.ts";
import { InvalidOptionError } from "../../../errors/invalid-option-error.ts";
import { type DeadlineEntry, deadlines } from "../../../internal/time/deadline-queue.ts";
import type { Give } from "../../../session/flows/hand-over.ts";
import type { ReceivedMessage } from "../../../session/messages/received-message.ts";
import { type Payload, payloadSize } from "../../../wire/payload.ts";
import { TaskFlag } from "../../../wire/task/flags.ts";
import type { Member } from "../../members/member.ts";
import { Call } from "../call.ts";
import { CallContext } from "../call-context.ts";
import { rejectWithCallers } from "../caller-frames.ts";
import type { PlacedRequest } from "../placed-request.ts";
import { encodeError, encodeSent } from "./encode-step.ts";
import type { GeneratorCallOwner } from "./generator-call-owner.ts";
import { Gift } from "./gift.ts";
import { PrefetchedValues } from "./prefetched-values.ts";
import { type Ask, afterEnd, NEXT, type StepRequest, StepRequests } from "./step-requests.ts";

/** How long `return()` and `break` wait for the remote `finally` blocks by default, in milliseconds. */
const RETURN_GRACE_MS = 5_000;

/** How the stream ended: with a value, or with an error. */
type End = { readonly value: unknown } | { readonly error: unknown; readonly isOwn: boolean };

/** How a step goes to the worker; see {@link StepRequest}. */
interface Step {
  readonly payload?: Payload;
  readonly implied?: boolean;
}

const PLAIN_STEP: Step = {};

/** A remote generator's stream. */
export class GeneratorCall extends Call<GeneratorCallOwner> {
  #state: "fresh" | "open" | "over" = "fresh";
  readonly #requests = new StepRequests();
  /** Values that came ahead of the consumer; absent without prefetch. */
  readonly #prefetched: PrefetchedValues | undefined;
  #end: End | undefined;
  #idle = false;
  /** The consumer has dropped the generator while steps of it were awaited. */
  #dropped = false;
  readonly #returnGraceMs: number;
  #grace: DeadlineEntry | undefined;
  /** Its items are to be had from its worker by somebody else; absent: they come here. */
  #gift: Gift | undefined;

  constructor(owner: GeneratorCallOwner, request: PlacedRequest) {
    super(owner, request, TaskFlag.Generator);
    this.#prefetched = this.head.credit > 0 ? new PrefetchedValues(this.head.credit) : undefined;
    this.#returnGraceMs = request.options?.returnGrace ?? RETURN_GRACE_MS;
  }

  /** The next value; `argument` becomes the value of the `yield` that the generator is suspended at. */
  next(argument: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state === "over") return afterEnd(NEXT);
    if (this.#prefetched !== undefined) {
      if (argument !== undefined) {
        return Promise.reject(
          new InvalidOptionError("prefetch", {
            value: this.head.credit,
            expected: "0 to talk to the generator: with prefetch it runs ahead, so next() takes no value",
          }),
        );
      }
      const ahead = this.#prefetched.shift();
      if (ahead !== undefined) {
        this.#returnCredit(ahead.sizeBytes);
        return Promise.resolve({ value: ahead.value, done: false });
      }
      if (this.#end !== undefined) return this.#finish(NEXT);
      return this.#request(NEXT, { implied: this.#gift?.isWhole !== true });
    }
    if (this.#end !== undefined) return this.#finish(NEXT); // it ended while nobody waited: cancelled, late, or lost
    if (this.#state === "fresh" || argument === undefined) return this.#request(NEXT);
    try {
      return this.#request(NEXT, { payload: encodeSent(argument, this.owner) });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Throws an error at the `yield` that the generator is suspended at. */
  throw(error: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state === "over") return Promise.reject(error);
    if (this.#state === "fresh" || this.#end !== undefined) {
      this.#close();
      return Promise.reject(error);
    }
    this.#prefetched?.bar();
    return this.#request({ kind: "throw", value: error }, { payload: encodeError(error, this.owner) });
  }

  /** Ends the generator: its `finally` blocks run, and this waits for them, at most the call's `returnGrace`. */
  return(value: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state !== "open" || this.#end !== undefined) {
      this.#close();
      return Promise.resolve(value).then((settled) => ({ value: settled, done: true }));
    }
    if (this.#gift?.isWhole === true && this.phase === "queued") {
      this.abandon(); // no worker has it, and it would have to wait for one
      return afterEnd({ kind: "return", value });
    }
    let payload: Payload;
    try {
      payload = encodeSent(value, this.owner);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#prefetched?.bar();
    const answered = this.#request({ kind: "return", value }, { payload });
    if (this.#requests.returning) {
      this.#grace ??= deadlines.after(this.#returnGraceMs, () => this.#giveUp());
    }
    return answered;
  }

  /** Makes the call, and has its worker keep the items, unless the time of the body would run from the Ack; see {@link Give}. */
  give(dispatcher: object | undefined): ReturnType<Give> {
    if (this.#state !== "fresh") return undefined;
    this.context = CallContext.of(this.owner.references);
    if (dispatcher !== this.owner || this.head.runTimeoutUs > 0) return undefined;
    try {
      this.variables = this.context.first();
    } catch {
      return undefined; // the first step says why
    }
    this.#gift = new Gift();
    this.head.giveTo(this.#gift.token);
    this.#open();
    return this.#gift.place;
  }

  /** The consumer dropped the generator without ending it. */
  abandon(): void {
    if (this.#requests.size > 0) {
      this.#dropped = true; // somebody has the promise of a step, though not the generator
      return;
    }
    if (this.#state === "fresh") this.#close();
    else if (this.#state === "open")
      this.abort(new DOMException("The generator was dropped without being returned", "AbortError"));
  }

  /** It is over for its consumer, though no call may have been made. */
  #close(): void {
    if (this.#state === "fresh") this.dismiss();
    this.#state = "over";
    this.#prefetched?.clear();
  }

  override sent(member: Member, stream: number): void {
    super.sent(member, stream);
    if (this.head.awaitsAck) return; // the steps follow once the worker has accepted
    this.#sendEarly();
  }

  override unsent(): void {
    super.unsent();
    this.#requests.restart(this.#gift === undefined);
  }

  override accepted(version: string): void {
    if (this.#prefetched?.barred === true && this.phase === "running") {
      this.#prefetched.unbar();
      return;
    }
    super.accepted(version);
    this.#gift?.accepted(this.lastUid, this.head.give !== undefined);
    if (this.head.awaitsAck) this.#sendEarly();
  }

  result(message: ReceivedMessage): void {
    // With its first value the body has suspended.
    if (this.occupiesThread) this.parked(message.bodyUs);
    else this.responded(message.bodyUs);
    if (this.settled) return discard(message.attachments);
    if (this.#prefetched?.barred === true && this.#requests.first?.behindBarrier !== false) return;
    if (this.#requests.size === 0 && this.#prefetched?.hasRoom !== true) {
      this.member?.session?.broken(this.stream, "a value that was not asked for");
      return;
    }
    let value: unknown;
    try {
      value = this.decode(message);
    } catch (error) {
      this.abort(error);
      return;
    }
    this.record?.stepped();
    if (this.settled) return; // by a subscriber
    const request = this.#requests.shift();
    if (this.#prefetched !== undefined) {
      const sizeBytes = payloadSize(message);
      if (request === undefined) {
        this.#prefetched.push(value, sizeBytes);
        return;
      }
      this.#returnCredit(sizeBytes);
    }
    if (request === undefined) return;
    if (request.ask.kind === "return" && !this.#requests.returning) {
      this.#endGrace(); // it has yielded from its finally block: it is asked to go on like any other
    }
    request.resolve({ value, done: false });
    const following = this.#requests.first;
    if (following?.inTurn === true) {
      following.inTurn = false;
      if (!following.implied) this.#sendLate(following);
      if (this.settled) return;
    }
    this.#answered();
  }

  done(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.#resume();
    this.over();
    if (this.settled) return discard(message.attachments);
    try {
      this.#complete({ value: this.decode(message) });
      this.owner.answered(this, "completed");
    } catch (error) {
      this.#fail(error);
    }
  }

  exception(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.#resume();
    this.over();
    if (this.settled || this.late()) return;
    let error: unknown;
    try {
      error = this.decodeThrown(message);
    } catch (malformed) {
      error = malformed;
    }
    this.#fail(error);
  }

  protected reject(error: unknown, isOwn: boolean): void {
    // An error from outside the stream ends it at once: values that came ahead are void.
    this.#prefetched?.clear();
    this.#resume();
    this.#complete({ error, isOwn }, true);
  }

  /** Dispatches on the first step, then asks for one more. */
  #request(ask: Ask, { payload, implied = false }: Step = PLAIN_STEP): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      // Where a variable cannot travel, this step fails, and the next one tries again.
      if (this.#state === "fresh") this.variables = this.context?.first();
      const inTurn =
        this.#prefetched !== undefined &&
        ((ask.kind === "throw" && this.#requests.size > 0) || (!implied && this.#requests.anyInTurn));
      const behindBarrier = this.#prefetched?.barred === true;
      const request: StepRequest = { ask, payload, implied, behindBarrier, inTurn, resolve, reject };
      this.#requests.push(request);
      if (this.#gift !== undefined) this.#gift.isWhole = false;
      if (this.#state === "fresh") {
        this.#open();
        return;
      }
      this.#resume();
      if (implied || inTurn) return;
      const early = this.phase === "queued" || (this.head.awaitsAck && this.phase === "sent");
      if (early) this.#requests.postpone(request);
      else this.#sendNow(request);
    });
  }

  #open(): void {
    this.#state = "open";
    if (this.record === undefined) this.#begin();
    else this.record.start(() => this.#begin());
  }

  /** Sends the Task, which implies its first step, unless the steps are somebody else's. */
  #begin(): void {
    if (this.start()) this.owner.submit(this);
  }

  /** Sends a step just asked for. One that is larger than the worker accepts is not a step at all. */
  #sendNow(request: StepRequest): void {
    try {
      this.#send(request);
    } catch (error) {
      if (this.#prefetched !== undefined && request.ask.kind !== "next") {
        this.abort(error); // values that came ahead have been discarded for its sake
        return;
      }
      this.#requests.pop();
      request.reject(error);
      this.#answered();
    }
  }

  /** Sends a step that was put off. If it is too large, the call ends: more may have been asked for behind it. */
  #sendLate(request: StepRequest): void {
    try {
      this.#send(request);
    } catch (error) {
      this.abort(error);
    }
  }

  #sendEarly(): void {
    for (const request of this.#requests.postponed()) this.#sendLate(request);
  }

  #send({ ask, payload }: StepRequest): void {
    const session = this.member?.session;
    if (session === undefined) return;
    const variables = this.context?.next(session);
    try {
      if (payload === undefined) session.next(this.stream, variables);
      else if (ask.kind === "next") session.send(this.stream, payload, variables);
      else if (ask.kind === "throw") session.throw(this.stream, payload, variables);
      else session.return(this.stream, payload, variables);
    } catch (error) {
      if (variables !== undefined) this.context?.exchange.untell();
      throw error;
    }
  }

  #returnCredit(sizeBytes: number): void {
    if (this.#end !== undefined) return;
    const credit = this.#prefetched?.taken(sizeBytes) ?? 0;
    const session = this.member?.session;
    if (credit === 0 || session?.open !== true || this.stream === 0) return;
    try {
      session.credit(this.stream, credit, this.context?.next(session));
    } catch (error) {
      this.abort(error); // a variable that cannot travel
    }
  }

  /** A step has been answered; a generator that nobody waits for has no permit and keeps nothing alive. */
  #answered(): void {
    if (this.#requests.size > 0) return;
    if (!this.#idle) {
      this.#idle = true;
      this.owner.suspended(this);
    }
    if (this.#dropped) this.abandon();
  }

  #resume(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.owner.resumed(this);
  }

  /** The stream has ended: pending steps are answered, after the values that came ahead. */
  #complete(end: End, settledAlready = false): void {
    if (!settledAlready) this.settle("error" in end ? { reason: end.error } : undefined);
    this.#gift?.over();
    this.#endGrace();
    this.#end = end;
    for (const { ask, resolve, reject } of this.#requests.drain()) this.#finish(ask).then(resolve, reject);
  }

  #fail(error: unknown): void {
    this.#complete({ error, isOwn: true });
    this.owner.answered(this, "failed", error);
  }

  #endGrace(): void {
    if (this.#grace !== undefined) deadlines.cancel(this.#grace);
    this.#grace = undefined;
  }

  /** Hands out how the stream ended, once; after that it answers as a generator that is done. */
  #finish(ask: Ask): Promise<IteratorResult<unknown>> {
    const end = this.#end;
    if (this.#state === "over" || end === undefined) return afterEnd(ask);
    this.#state = "over";
    if ("error" in end) {
      const { error, isOwn } = end;
      return isOwn ? new Promise((resolve) => rejectWithCallers(resolve, error)) : Promise.reject(error);
    }
    return Promise.resolve({ value: end.value, done: true });
  }

  /** The remote `finally` takes too long: the call is cancelled, and the consumer goes on. */
  #giveUp(): void {
    this.#grace = undefined;
    if (this.settled) return;
    const requests = this.#requests.drain();
    this.#state = "over";
    for (const { ask, resolve, reject } of requests) afterEnd(ask).then(resolve, reject);
    this.abort(new DOMException("The generator did not end in time after its return", "AbortError"));
  }
}

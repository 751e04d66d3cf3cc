/**
 * The call of a routine that answers with a stream: the steps asked for and the values that have come.
 * The generator that the consumer holds is a thin front of it, so that a generator dropped without a
 * word can be noticed and its task ended.
 */
import { encodeThrown, encodeValue } from "../codec/encoder.ts";
import type { CallRequest } from "../context/dispatcher.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { type DeadlineEntry, deadlines } from "../internal/deadline-queue.ts";
import { hold, release } from "../internal/liveness.ts";
import { TaskFlag } from "../wire/task-flags.ts";
import type { Member } from "./member.ts";
import { OutgoingTask, type TaskCarrier } from "./outgoing-task.ts";

/** How long `return()` and `break` wait for the remote `finally` blocks, in milliseconds. */
export const RETURN_GRACE_MS = 5_000;

/** A step that the consumer waits for. */
interface Request {
  /** It waits for what a throw or return brings, so values produced before that are not for it. */
  readonly behindBarrier: boolean;
  readonly resolve: (result: IteratorResult<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** What the dispatcher does for a stream, beyond any task. */
export interface StreamCarrier extends TaskCarrier {
  /** Sends the task to a worker, or queues it. */
  submit(task: OutgoingTask): void;
  /** The generator is suspended and nobody waits for it: it holds no permit. */
  suspended(task: OutgoingTask): void;
  resumed(task: OutgoingTask): void;
}

/** How the stream ended: with a value, or with an error. */
type End = { readonly value: unknown } | { readonly error: unknown };

/** A remote generator's stream. */
export class GeneratorCall extends OutgoingTask {
  readonly #streamCarrier: StreamCarrier;
  #state: "fresh" | "open" | "over" = "fresh";
  readonly #requests: Request[] = [];
  /** Steps asked for before the task was sent. */
  #early: Array<() => void> = [];
  /** Values that came ahead of the consumer. */
  readonly #ahead: unknown[] = [];
  #end: End | undefined;
  /** Throws and returns whose barrier has not come back: values before it are void. */
  #barriers = 0;
  #creditOwed = 0;
  #idle = false;
  #grace: DeadlineEntry | undefined;

  constructor(carrier: StreamCarrier, request: CallRequest) {
    super(carrier, request, TaskFlag.Generator);
    this.#streamCarrier = carrier;
  }

  /** The next value; `argument` becomes the value of the `yield` that the generator is suspended at. */
  next(argument: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state === "over") return this.#afterEnd();
    if (this.credit > 0) {
      if (argument !== undefined) {
        return Promise.reject(
          new InvalidOptionError("prefetch", {
            value: this.credit,
            expected: "0 to talk to the generator: with prefetch it runs ahead, so next() takes no value",
          }),
        );
      }
      if (this.#ahead.length > 0) return Promise.resolve(this.#takeAhead());
      if (this.#end !== undefined) return this.#finish();
      return this.#request(undefined);
    }
    if (this.#state === "fresh" || argument === undefined) {
      return this.#request(() => this.member?.session?.next(this.stream));
    }
    return this.#message("value", argument, (payload) => this.member?.session?.send(this.stream, payload));
  }

  /** Throws an error at the `yield` that the generator is suspended at. */
  throw(error: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state === "over") return Promise.reject(error);
    if (this.#state === "fresh") {
      this.#state = "over";
      return Promise.reject(error);
    }
    const { bytes, start, end, parts } = encodeThrown(error, { root: "error", references: this.carrier.references });
    this.#discardAhead();
    if (this.#end !== undefined) {
      this.#state = "over";
      return Promise.reject(error);
    }
    return this.#request(() => this.member?.session?.throw(this.stream, { bytes, start, end, parts }));
  }

  /** Ends the generator: its `finally` blocks run, and this waits for them, at most `RETURN_GRACE_MS`. */
  return(value: unknown): Promise<IteratorResult<unknown>> {
    if (this.#state !== "open" || this.#end !== undefined) {
      this.#state = "over";
      this.#ahead.length = 0;
      return Promise.resolve(value).then((settled) => ({ value: settled, done: true }));
    }
    if (this.phase === "queued" && this.#requests.length === 0) {
      this.abort(undefined);
      this.#state = "over";
      return Promise.resolve({ value, done: true });
    }
    this.#discardAhead();
    const answered = this.#message("value", value, (payload) => this.member?.session?.return(this.stream, payload));
    this.#grace ??= deadlines.add(deadlines.now() + RETURN_GRACE_MS, () => this.#giveUp(value));
    return answered;
  }

  /** The consumer dropped the generator without ending it. */
  abandon(): void {
    if (this.#state === "open") this.abort(new DOMException("The generator was dropped without being returned", "AbortError"));
  }

  override sent(member: Member, stream: number): void {
    super.sent(member, stream);
    if (this.heldBack) return; // the steps follow once the worker has accepted
    this.#sendEarly();
  }

  override accepted(): void {
    if (this.#barriers > 0 && this.phase === "running") {
      this.#barriers -= 1;
      return;
    }
    super.accepted();
    if (this.heldBack) this.#sendEarly();
  }

  result(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[], bodyUs: number): void {
    this.responded(bodyUs);
    this.carrier.released(this);
    if (this.settled) return;
    if (this.#barriers > 0 && this.#requests[0]?.behindBarrier !== false) return;
    let value: unknown;
    try {
      value = this.decode(bytes, start, end, parts);
    } catch (error) {
      this.abort(error);
      return;
    }
    if (this.credit > 0) {
      const request = this.#requests.shift();
      if (request === undefined) {
        this.#ahead.push(value);
        return;
      }
      this.#returnCredit();
      this.#answered();
      request.resolve({ value, done: false });
      return;
    }
    const request = this.#requests.shift();
    if (request === undefined) {
      this.member?.session?.broken(this.stream, "a value that was not asked for");
      return;
    }
    this.#answered();
    request.resolve({ value, done: false });
  }

  done(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[], bodyUs: number): void {
    this.responded(bodyUs);
    this.#resume();
    this.carrier.over(this);
    if (this.settled) return;
    try {
      this.#complete({ value: this.decode(bytes, start, end, parts) });
      this.carrier.answered(this, "completed");
    } catch (error) {
      this.#complete({ error });
      this.carrier.answered(this, "failed");
    }
  }

  exception(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[], bodyUs: number): void {
    this.responded(bodyUs);
    this.#resume();
    this.carrier.over(this);
    if (this.settled) return;
    try {
      this.#complete({ error: this.decode(bytes, start, end, parts) });
    } catch (error) {
      this.#complete({ error });
    }
    this.carrier.answered(this, "failed");
  }

  protected reject(error: unknown): void {
    // An error from outside the stream ends it at once: what came ahead is void.
    this.#ahead.length = 0;
    this.#resume();
    this.#complete({ error }, true);
  }

  /** Dispatches on the first step, then asks for one more. */
  #request(step: (() => void) | undefined): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      if (this.#requests.length === 0) hold();
      this.#requests.push({ behindBarrier: this.#barriers > 0, resolve, reject });
      if (this.#state === "fresh") {
        this.#state = "open";
        if (this.start()) this.#streamCarrier.submit(this); // its first step is implied by the task
        return;
      }
      this.#resume();
      if (step === undefined) return;
      if (this.phase === "queued" || (this.heldBack && this.phase === "sent")) this.#early.push(step);
      else step();
    });
  }

  #message(
    root: string,
    value: unknown,
    write: (payload: { bytes: Uint8Array; start: number; end: number; parts: readonly Uint8Array[] }) => void,
  ): Promise<IteratorResult<unknown>> {
    try {
      const { bytes, start, end, parts } = encodeValue(value, { root, references: this.carrier.references });
      return this.#request(() => write({ bytes, start, end, parts }));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #sendEarly(): void {
    const early = this.#early;
    this.#early = [];
    for (const step of early) step();
  }

  #takeAhead(): IteratorResult<unknown> {
    const value = this.#ahead.shift();
    this.#returnCredit();
    return { value, done: false };
  }

  /** Credit goes back in lots of half the prefetch, so that it does not cost a frame per value. */
  #returnCredit(): void {
    this.#creditOwed += 1;
    if (this.#creditOwed * 2 < this.credit || this.#end !== undefined) return;
    if (this.member?.session?.open === true && this.stream !== 0) {
      this.member.session.credit(this.stream, this.#creditOwed);
    }
    this.#creditOwed = 0;
  }

  #discardAhead(): void {
    if (this.credit === 0) return;
    this.#ahead.length = 0;
    this.#creditOwed = 0;
    this.#barriers += 1;
  }

  /** A step has been answered; a generator that nobody waits for holds no permit and keeps nothing alive. */
  #answered(): void {
    if (this.#requests.length > 0) return;
    release();
    if (this.credit === 0 && !this.#idle) {
      this.#idle = true;
      this.#streamCarrier.suspended(this);
    }
  }

  #resume(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#streamCarrier.resumed(this);
  }

  /** The stream has ended: pending steps are answered, what came ahead is still handed out first. */
  #complete(end: End, settledAlready = false): void {
    if (!settledAlready) this.settle();
    if (this.#grace !== undefined) deadlines.cancel(this.#grace);
    this.#grace = undefined;
    this.#end = end;
    const waited = this.#requests.length > 0;
    const requests = this.#requests.splice(0);
    if (waited) release();
    for (const request of requests) {
      this.#finish().then(request.resolve, request.reject);
    }
  }

  /** Hands out how the stream ended, once; after that it is simply done. */
  #finish(): Promise<IteratorResult<unknown>> {
    const end = this.#end;
    if (this.#state === "over" || end === undefined) return Promise.resolve({ value: undefined, done: true });
    this.#state = "over";
    if ("error" in end) return Promise.reject(end.error);
    return Promise.resolve({ value: end.value, done: true });
  }

  #afterEnd(): Promise<IteratorResult<unknown>> {
    return Promise.resolve({ value: undefined, done: true });
  }

  /** The remote `finally` takes too long: the task is cancelled, and the consumer goes on. */
  #giveUp(value: unknown): void {
    this.#grace = undefined;
    if (this.settled) return;
    const requests = this.#requests.splice(0);
    if (requests.length > 0) release();
    this.#state = "over";
    for (const request of requests) request.resolve({ value, done: true });
    this.abort(new DOMException("The generator did not end in time after its return", "AbortError"));
  }
}

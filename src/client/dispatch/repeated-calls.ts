/**
 * The calls of one dispatcher that may be made of several attempts: makes them, and carries their attempts with the
 * parts by which it carries other calls. What one of them does is decided in `attempts/repeated-call.ts`.
 */
import type { References } from "../../codec/references.ts";
import type { IdempotentCallOptions } from "../../context/dispatcher.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { repetitionOf } from "../../identity/repeat-options.ts";
import { AwaitableSet } from "../../internal/awaitable-set.ts";
import type { BodyTimeEstimate, BodyTimeEstimates } from "../../internal/body-time-estimate.ts";
import type { Nack } from "../../wire/frames.ts";
import type { Attempt } from "../attempts/attempt.ts";
import type {
  AttemptCarrier,
  AttemptOutcome,
  CallSurroundings,
  PausingCall,
} from "../attempts/attempt-carrier.ts";
import { AttemptHistories } from "../attempts/attempt-history.ts";
import { RepeatedCall } from "../attempts/repeated-call.ts";
import type { Call, CallLoss, CallOwner } from "../call/call.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { Member } from "../members/member.ts";
import type { RoutineLimits } from "../members/routine-limits.ts";
import type { Placement } from "../placement/placement.ts";
import type { DispatchCounts } from "./dispatch-counts.ts";

/** The dispatcher, as its repeated calls see it. */
export interface AttemptDispatcher extends CallOwner {
  readonly counts: DispatchCounts;
  /** An attempt is under way from now on. */
  attemptStarted(attempt: Attempt): void;
  /** Places an attempt, or has it wait. */
  submitAttempt(attempt: Attempt): void;
  /** A worker has refused an attempt, which is dropped for that. */
  hedgeRefused(attempt: Attempt, nack: Nack): void;
  /** An attempt is over for its call. */
  attemptOver(attempt: Attempt, outcome: AttemptOutcome): void;
  /** A call is settled for its caller. */
  repeatedOver(last: Attempt, outcome: AttemptOutcome): void;
}

/** Carries the attempts of calls. */
export class RepeatedCalls implements AttemptCarrier {
  /** Those that have no attempt under way, and are going to have one. */
  readonly pausing: AwaitableSet<PausingCall> = new AwaitableSet();
  readonly #dispatcher: AttemptDispatcher;
  readonly #placement: Pick<Placement, "placeElsewhere">;
  readonly #histories = new AttemptHistories();

  constructor(dispatcher: AttemptDispatcher, placement: Pick<Placement, "placeElsewhere">) {
    this.#dispatcher = dispatcher;
    this.#placement = placement;
  }

  get references(): References {
    return this.#dispatcher.references;
  }

  get hasThreads(): boolean {
    return this.#dispatcher.hasThreads;
  }

  get bodyTimes(): BodyTimeEstimates {
    return this.#dispatcher.bodyTimes;
  }

  get limits(): RoutineLimits {
    return this.#dispatcher.limits;
  }

  /**
   * Makes a call of an idempotent routine, if it is to be repeated.
   *
   * @returns Undefined if it is not: it is a call like others.
   * @throws {@link InvalidOptionError} if it is to be repeated and gives an argument away, or streams one.
   */
  make(request: PlacedRequest, surroundings: CallSurroundings): Promise<unknown> | undefined {
    const { definition, options, only } = request;
    if (definition.repetition === undefined || only !== undefined) return undefined;
    const repetition = repetitionOf(definition.repetition, options);
    if (repetition === undefined) return undefined;
    const history = this.#histories.of(definition);
    const call = new RepeatedCall(this, request, { ...surroundings, repetition, history });
    const { onceOnly } = call;
    if (onceOnly !== undefined) {
      call.drop();
      if (repetitionOf(definition.repetition, withoutBlock(request)) === undefined) return undefined;
      throw new InvalidOptionError(repetition.retry === undefined ? "hedge" : "retry", {
        value: options?.retry ?? options?.hedge,
        expected: `false for a call ${onceOnly}`,
      });
    }
    this.#dispatcher.counts.calls += 1;
    call.start();
    return call.promise;
  }

  /** Ends those that pause; the others end with their attempts. */
  abortAll(makeReason: () => unknown): void {
    for (const call of [...this.pausing]) call.abort(makeReason());
  }

  send(attempt: Attempt, than: ReadonlySet<string>): void {
    this.#dispatcher.attemptStarted(attempt);
    const placed = than.size > 0 && this.#placement.placeElsewhere(attempt, than);
    if (placed === false) this.#dispatcher.submitAttempt(attempt);
    else if (placed !== true) {
      void placed.finished.then(() => {
        if (placed.outcome !== "sent" && !attempt.settled) this.#dispatcher.submitAttempt(attempt);
      });
    }
  }

  sendElsewhere(attempt: Attempt, than: ReadonlySet<string>): boolean | Promise<boolean> {
    this.#dispatcher.attemptStarted(attempt);
    const placed = this.#placement.placeElsewhere(attempt, than);
    return typeof placed === "boolean" ? placed : placed.finished.then(() => placed.outcome === "sent");
  }

  hedgeRefused(attempt: Attempt, nack: Nack): void {
    this.#dispatcher.hedgeRefused(attempt, nack);
  }

  attemptOver(attempt: Attempt, outcome: AttemptOutcome): void {
    this.#dispatcher.attemptOver(attempt, outcome);
  }

  pauses(call: PausingCall): void {
    this.pausing.add(call);
  }

  resumes(call: PausingCall): void {
    this.pausing.delete(call);
  }

  repeated(how: "retried" | "hedged" | "throttled"): void {
    this.#dispatcher.counts[how] += 1;
  }

  settled(last: Attempt, outcome: AttemptOutcome): void {
    this.#dispatcher.repeatedOver(last, outcome);
  }

  accepted(call: Call, version: string | undefined): void {
    this.#dispatcher.accepted(call, version);
  }

  waits(estimate: BodyTimeEstimate): void {
    this.#dispatcher.waits(estimate);
  }

  spoiled(call: Call, failure: "stream-broken" | "answer-malformed", error: Error): void {
    this.#dispatcher.spoiled(call, failure, error);
  }

  threw(call: Call): void {
    this.#dispatcher.threw(call);
  }

  refused(call: Call, nack: Nack): void {
    this.#dispatcher.refused(call, nack);
  }

  lost(call: Call, member: Member | undefined, loss: CallLoss): void {
    this.#dispatcher.lost(call, member, loss);
  }
}

/** The options that are the call's own. */
function withoutBlock({ options, block }: PlacedRequest): IdempotentCallOptions {
  const { retry, hedge } = options ?? {};
  return {
    retry: retry === block?.retry ? undefined : retry,
    hedge: hedge === block?.hedge ? undefined : hedge,
  };
}

/**
 * A call of an idempotent routine that may be made of several attempts. It is what its caller waits for: it has the
 * promise and the signal, and settles once. The first answer counts, the other attempts are cancelled then. Each attempt
 * is placed, sent and told of by the dispatcher, as any call; when another one is made is decided here.
 */
import type { Abortable } from "../../context/task.ts";
import { isMerinoError } from "../../errors/merino-error.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { QueueFullError } from "../../errors/queue-full-error.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { DEFAULT_BUDGET, type Repetition, type ResolvedBudget } from "../../identity/repeat-options.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { Listed } from "../../internal/awaitable-set.ts";
import type { FifoNode } from "../../internal/fifo.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { unwatchSignal, watchSignal } from "../../internal/signal-watch.ts";
import { backoffDelayMs } from "../../internal/time/backoff.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { warn } from "../../internal/warn.ts";
import type { Nack } from "../../wire/frames.ts";
import type { Call, CallLoss } from "../call/call.ts";
import { CallBaggage } from "../call/call-baggage.ts";
import { rejectWithCallers } from "../call/caller-frames.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { Member } from "../members/member.ts";
import { Attempt, type AttemptOwner, isOwnLimit } from "./attempt.ts";
import type { AttemptCarrier, AttemptOutcome, CallSurroundings } from "./attempt-carrier.ts";
import type { AttemptHistory } from "./attempt-history.ts";
import { AttemptRecord, tellsOfAttempts } from "./attempt-record.ts";
import { CarriedCall } from "./carried-call.ts";
import { isRetried } from "./retry-rule.ts";

/** What a call is made with. */
export interface RepeatedCallOptions extends CallSurroundings {
  readonly repetition: Repetition;
  readonly history: AttemptHistory;
}

/** Told to the worker whose attempt is not needed any more. */
const SUPERSEDED = "Another attempt of the call has answered first";

/** A call, and its attempts. */
export class RepeatedCall extends CarriedCall implements AttemptOwner, Abortable, Listed {
  readonly promise: Promise<unknown>;
  readonly budgetMs: number;
  /** Its place among the calls that pause: written by `AwaitableSet` only. */
  listed: FifoNode<Listed> | undefined;
  readonly #request: PlacedRequest;
  readonly #options: RepeatedCallOptions;
  readonly #budget: ResolvedBudget;
  readonly #signals: AbortSignal[] = [];
  readonly #deadlineMs: number;
  readonly #first: Attempt;
  /** Keeps the memory of the arguments for further attempts. */
  readonly #baggage: CallBaggage | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  #underWay: Attempt[] = [];
  #last: Attempt;
  /** Workers on which an attempt has failed. */
  readonly #failedOn = new Set<string>();
  #made = 0;
  #rounds = 1;
  #hedges = 0;
  #hedgeDue: DeadlineEntry | undefined;
  #pause: DeadlineEntry | undefined;
  #isSettled = false;
  /** Why attempts that were under way then have ended with it. */
  #reason: unknown;
  /** A queue that is full has not let the last attempt in. */
  #isShutOut = false;

  /** @throws If an argument, or a context variable, cannot travel. */
  constructor(carrier: AttemptCarrier, request: PlacedRequest, options: RepeatedCallOptions) {
    super(carrier);
    const { definition, parent } = request;
    const nowMs = deadlines.now();
    const timeoutMs = request.options?.timeout ?? definition.timeoutMs ?? Number.POSITIVE_INFINITY;
    this.#request = request;
    this.#options = options;
    this.#budget = options.repetition.retry?.budget ?? DEFAULT_BUDGET;
    this.budgetMs = Math.min(timeoutMs, (parent?.deadline ?? Number.POSITIVE_INFINITY) - nowMs);
    this.#deadlineMs = Math.min((request.sinceMs ?? nowMs) + timeoutMs, nowMs + this.budgetMs);
    this.#first = this.#make(false);
    this.#last = this.#first;
    const { payload } = this.#first;
    // What is given away, or streamed, is the first attempt's: there is no other then.
    if (payload.parts.length > 0 && this.onceOnly === undefined) this.#baggage = new CallBaggage(payload);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Why it cannot be made of several attempts, as words behind "a call"; `undefined` if it can. */
  get onceOnly(): string | undefined {
    return this.#first.onceOnly;
  }

  /** It is not made after all. */
  drop(): void {
    this.#first.drop();
    this.#baggage?.release();
  }

  /** Begins with the first attempt. */
  start(): void {
    keepAlive();
    const { signal } = this.#request.options ?? {};
    if (signal?.aborted === true) {
      this.#first.drop();
      this.abort(signal.reason);
      return;
    }
    if (signal !== undefined) watchSignal(signal, this);
    this.#request.parent?.attach(this);
    this.#send(this.#first);
  }

  abort(reason: unknown): void {
    this.#over("cancelled", reason, isMerinoError(reason));
  }

  attemptSent(attempt: Attempt): void {
    const { hedge } = this.#options.repetition;
    if (hedge === undefined || this.#isSettled || this.#hedgeDue !== undefined) return;
    this.#last = attempt;
    const afterMs = hedge.afterMs ?? this.#options.history.p95Ms;
    if (afterMs !== undefined && this.#hedges < hedge.max) this.#hedgeIn(afterMs);
  }

  attemptReturned(attempt: Attempt, value: unknown): void {
    this.#leave(attempt, "completed");
    if (this.#isSettled) return; // by a subscriber
    attempt.decides();
    this.#options.history.completed(this.#budget);
    this.#last = attempt;
    this.#settle("completed");
    this.#resolve(value);
    this.#options.record?.settled("completed");
  }

  attemptThrew(attempt: Attempt, error: unknown): void {
    attempt.told?.thrown();
    // What a worker answers with for a body that it cannot let go on.
    const lost = error instanceof WorkerLostError && error.worker.uid === attempt.lastUid;
    this.#failed(attempt, error, { lost, thrown: true });
  }

  answered(call: Call, _outcome: "completed" | "failed", error?: unknown): void {
    const lost = error instanceof WorkerLostError || error instanceof ProtocolError;
    this.#failed(call as Attempt, error, { lost, thrown: false });
  }

  cancelled(call: Call, reason: unknown): void {
    const attempt = call as Attempt;
    this.#leave(attempt, "cancelled", reason);
    if (this.#isSettled) return;
    // One that has used up a time of its own says nothing about the others.
    if (!isOwnLimit(reason)) this.#over("cancelled", reason, isMerinoError(reason));
    else if (this.#underWay.length === 0) this.#over("cancelled", reason, true);
  }

  refused(call: Call, nack: Nack): void {
    const attempt = call as Attempt;
    if (!this.#isSpare(attempt)) return this.carrier.refused(attempt, nack);
    this.carrier.hedgeRefused(attempt, nack);
    if (!attempt.settled) this.#notSent(attempt); // else by a subscriber
  }

  lost(call: Call, member: Member | undefined, loss: CallLoss): void {
    const attempt = call as Attempt;
    if (!loss.started && this.#isSpare(attempt)) this.#notSent(attempt);
    else this.carrier.lost(attempt, member, loss);
  }

  /** @returns An attempt that has not been started. */
  #make(isHedge: boolean): Attempt {
    const { options, sinceMs } = this.#request;
    const { record, trace, context } = this.#options;
    const isFirst = this.#made === 0;
    this.#made += 1;
    const attempt = new Attempt(this, {
      ...this.#request,
      context,
      // The time of the whole goes on. What limits an attempt alone begins anew.
      options: {
        ...options,
        signal: undefined,
        timeout: isFirst ? options?.timeout : this.#remainingMs,
      },
      sinceMs: isFirst ? sinceMs : undefined,
      first: isFirst ? undefined : this.#first,
      signals: this.#signals,
      number: this.#made,
      isHedge,
    });
    if (trace !== undefined) attempt.head.trace = trace;
    record?.follow(attempt);
    return attempt;
  }

  /** A timer may be early; 0 is no timeout. */
  get #remainingMs(): number {
    return Math.max(0.001, this.#deadlineMs - deadlines.now());
  }

  #send(attempt: Attempt): void {
    this.#last = attempt;
    if (!this.#begin(attempt)) return;
    // As others that come back it is let in where a queue is full, unless it comes from there.
    if (attempt !== this.#first && !this.#isShutOut) attempt.waits();
    this.carrier.send(attempt, this.#failedOn);
  }

  /** @returns False if a subscriber has ended the call: the attempt is not made. */
  #begin(attempt: Attempt): boolean {
    const { record } = this.#options;
    if (record !== undefined && tellsOfAttempts(record)) {
      const told = new AttemptRecord(attempt, record);
      if (this.#isSettled) {
        told.ended("cancelled", this.#reason);
        attempt.drop();
        return false;
      }
      attempt.told = told;
    }
    this.#underWay.push(attempt);
    attempt.start();
    return true;
  }

  #hedgeIn(delayMs: number): void {
    this.#hedgeDue = deadlines.after(delayMs, () => this.#hedge(delayMs));
  }

  /** The attempts under way take long. */
  #hedge(waitedMs: number): void {
    this.#hedgeDue = undefined;
    // One that waits for a worker is sent as soon as there is one: a second one would wait with it.
    if (this.#underWay.every(({ phase }) => phase === "queued")) return;
    const { history } = this.#options;
    if (!history.take(this.#budget)) {
      this.carrier.repeated("throttled");
      return;
    }
    const attempt = this.#make(true);
    const than = new Set([...this.#failedOn, ...this.#underWay.map(({ lastUid }) => lastUid)]);
    if (!this.#begin(attempt)) return history.giveBack();
    this.#hedges += 1;
    const sent = this.carrier.sendElsewhere(attempt, than);
    if (sent === true) this.carrier.repeated("hedged");
    else if (sent === false) {
      this.#notSent(attempt);
      this.#hedgeIn(2 * Math.max(1, waitedMs)); // somebody may have room later
    } else {
      void sent.then((hasLeft) => {
        if (hasLeft) this.carrier.repeated("hedged");
        else if (this.#underWay.includes(attempt)) this.#unplaced(attempt);
      });
    }
  }

  /** Nobody was named for a hedge. Where all others have failed meanwhile, the call is left to it: it waits for a worker. */
  #unplaced(attempt: Attempt): void {
    if (this.#underWay.length > 1) this.#notSent(attempt);
    else {
      this.carrier.repeated("hedged");
      this.carrier.send(attempt, this.#failedOn);
    }
  }

  /** A hedge for which there is no other worker is none. */
  #notSent(attempt: Attempt): void {
    attempt.drop();
    this.#hedges -= 1;
    this.#options.history.giveBack();
    this.#leave(attempt, "cancelled");
  }

  /** Whether an attempt that a worker has not taken is not worth a search, since another one is under way. */
  #isSpare(attempt: Attempt): boolean {
    return attempt.isHedge && attempt.offer === undefined && this.#underWay.length > 1;
  }

  #failed(attempt: Attempt, error: unknown, how: { readonly lost: boolean; readonly thrown: boolean }): void {
    this.#leave(attempt, "failed", error);
    if (this.#isSettled) return;
    // A worker that knows the call by its key may have the answer by now.
    const isKnown = this.#request.options?.idempotencyKey !== undefined;
    if (attempt.lastUid !== "" && !isKnown) this.#failedOn.add(attempt.lastUid);
    this.#isShutOut = !how.thrown && error instanceof QueueFullError;
    let again: boolean;
    try {
      again = isRetried(this.#options.repetition.retry, error, { attempt: attempt.number, lost: how.lost });
    } catch (failure) {
      this.#over("failed", failure, false);
      return;
    }
    if (this.#isSettled) return; // by the predicate
    // An answer of the body is the answer, unless its caller says that it is none.
    if (this.#underWay.length > 0 && (again || !how.thrown)) return;
    if (again && this.#retryLater()) return;
    this.#last = attempt;
    attempt.decides();
    if (how.thrown) {
      try {
        attempt.takeVariables();
      } catch (failure) {
        this.#over("failed", failure, true);
        return;
      }
      this.#options.record?.thrownByBody();
    }
    this.#over("failed", error, true);
  }

  /** @returns False if there is no attempt, no time or no token left. */
  #retryLater(): boolean {
    const { repetition, history } = this.#options;
    const { retry } = repetition;
    if (retry === undefined || this.#rounds >= retry.attempts) return false;
    const pauseMs = backoffDelayMs(this.#rounds, retry.backoff);
    if (pauseMs >= this.#deadlineMs - deadlines.now()) return false;
    if (!history.take(this.#budget)) {
      this.carrier.repeated("throttled");
      tellOfBudget(history, this.#request.definition, this.#budget);
      return false;
    }
    if (this.#hedgeDue !== undefined) deadlines.cancel(this.#hedgeDue);
    this.#hedgeDue = undefined;
    this.#rounds += 1;
    this.#pause = deadlines.after(pauseMs, () => this.#retry());
    this.carrier.pauses(this);
    return true;
  }

  #retry(): void {
    this.#pause = undefined;
    this.carrier.repeated("retried");
    this.#send(this.#make(false));
    this.carrier.resumes(this);
  }

  /** The attempt is none of those under way any more. */
  #leave(attempt: Attempt, outcome: AttemptOutcome, error?: unknown): void {
    const index = this.#underWay.indexOf(attempt);
    if (index === -1) return;
    this.#underWay.splice(index, 1);
    const { repetition, history } = this.#options;
    if (repetition.hedge !== undefined && repetition.hedge.afterMs === undefined && attempt.sentMs > 0) {
      if (outcome !== "failed") {
        history.learn(deadlines.now() - attempt.sentMs, outcome === "completed");
      }
    }
    attempt.told?.ended(outcome, error);
    this.carrier.attemptOver(attempt, outcome);
  }

  #over(outcome: "failed" | "cancelled", error: unknown, isOwn: boolean): void {
    if (this.#isSettled) return;
    this.#settle(outcome, error);
    // A task that is being cancelled may never come to await the calls it made: that is no unhandled rejection.
    if (this.#request.parent?.cancelled === true) this.promise.catch(() => {});
    if (isOwn) rejectWithCallers(this.#resolve, error);
    else this.#reject(error);
    this.#options.record?.settled(outcome, error);
  }

  /** Lets go of everything that could settle it again, and of the attempts that are not needed any more. */
  #settle(outcome: AttemptOutcome, reason: unknown = new DOMException(SUPERSEDED, "AbortError")): void {
    this.#isSettled = true;
    this.#reason = reason;
    const { signal } = this.#request.options ?? {};
    if (signal !== undefined) unwatchSignal(signal, this);
    this.#request.parent?.detach(this);
    if (this.#hedgeDue !== undefined) deadlines.cancel(this.#hedgeDue);
    if (this.#pause !== undefined) {
      deadlines.cancel(this.#pause);
      this.#pause = undefined;
      this.#options.history.giveBack();
      this.carrier.resumes(this);
    }
    for (const attempt of [...this.#underWay]) attempt.abort(reason);
    this.#baggage?.release();
    letExit();
    this.carrier.settled(this.#last, outcome);
  }
}

/** Once for each routine: without it a call that may be retried, and is not, looks like a fault. */
function tellOfBudget(history: AttemptHistory, { id }: RoutineDefinition, { tokens }: ResolvedBudget): void {
  if (history.isToldOf) return;
  history.isToldOf = true;
  warn(
    "MERINO_RETRY_BUDGET",
    `The budget of ${tokens} further attempts for calls of '${id}' is used up: they are not retried until others have completed. See retry.budget`,
  );
}

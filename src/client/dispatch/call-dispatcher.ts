/**
 * Carries calls to members and decides what the end of each stream means: a call whose start is disproved
 * goes to the next candidate; any other end settles it. Which member takes a call, and which call waits
 * for one, is up to its placement and its queues.
 */
import type { Balancer } from "../../balancer/balancer.ts";
import type { References } from "../../codec/references.ts";
import type { CallRequest, Dispatcher } from "../../context/dispatcher.ts";
import { NoWorkersAvailableError, type Refusal } from "../../errors/no-workers-available-error.ts";
import { type LostWorker, WorkerLostError } from "../../errors/worker-lost-error.ts";
import { BodyTimeEstimates } from "../../internal/body-time-estimate.ts";
import type { Definable } from "../../session/outbound-definitions.ts";
import type { Nack } from "../../wire/frames.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Call, CallLoss } from "../call/call.ts";
import { refusalError } from "../call/call-refusals.ts";
import { FunctionCall } from "../call/function-call.ts";
import { GeneratorCall, type GeneratorCallOwner } from "../call/generator-call.ts";
import { RemoteGenerator } from "../call/remote-generator.ts";
import { CancellationWatch } from "../members/cancellation-watch.ts";
import { classifyRefusal, FAILURE_POLICY } from "../members/failure-policy.ts";
import type { Eviction, Member } from "../members/member.ts";
import { ActiveCalls } from "./active-calls.ts";
import { CallReporter, type TaskEventSink } from "./call-reporter.ts";
import { type Members, Placement } from "./placement.ts";
import { RetryQueue } from "./retry-queue.ts";
import { WaitingCalls } from "./waiting-calls.ts";

/** Counters of a dispatcher since it was made. */
export interface DispatchCounts {
  /** Calls made. */
  calls: number;
  /** Calls settled with a value (streams: that ended by themselves). */
  completed: number;
  /** Calls settled with an error of the routine or of the dispatch. */
  failed: number;
  /** Calls ended by their signal or a timeout. */
  cancelled: number;
  /** Cancelled calls whose body went on although its worker answers. */
  abandoned: number;
  /** Calls that went on to another worker because the first had provably not started them. */
  redirected: number;
}

/** What the dispatcher needs to know from the proxy around it. */
export interface CallDispatcherOptions {
  readonly references: References;
  readonly balancer: Balancer;
  readonly members: Members;
  /** Whether enough members have been admitted for the first call to go out. */
  readonly quorumMet: () => boolean;
  /** How long calls wait for a member when there is none, in milliseconds. */
  readonly waitTimeoutMs: number;
  /** How long a cancelled call's worker may leave a ping unanswered, in milliseconds. */
  readonly killGraceMs: number;
  /** The descriptor that travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor: () => Definable | undefined;
  /** Every worker seen and what became of it. */
  readonly reasons: () => readonly Refusal[];
  /** The last reason why a worker of the pool's own could not be started. */
  readonly lastStartError: () => Error | undefined;
  /** Whether a member may still come: from a discovery, or as a replacement. */
  readonly memberDue: () => boolean;
  /** What is known about a lost worker, within a short time. */
  readonly describeLoss: (member: Member) => Promise<LostWorker>;
  /** A worker does not answer after a call on it was cancelled. */
  readonly unresponsive: (member: Member, culprit: string) => void;
  /** A worker has said of itself that it breaks a rule of the gate. */
  readonly inadmissible: (member: Member, reason: Eviction, detail: string) => void;
  /** Told of each call. Absent: nobody is. */
  readonly events?: TaskEventSink | undefined;
}

/** Carries calls to members. */
export class CallDispatcher implements Dispatcher, GeneratorCallOwner {
  readonly references: References;
  readonly counts: DispatchCounts = {
    calls: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    abandoned: 0,
    redirected: 0,
  };
  readonly bodyTimes: BodyTimeEstimates = new BodyTimeEstimates();
  readonly #options: CallDispatcherOptions;
  readonly #placement: Placement;
  readonly #waiting: WaitingCalls;
  readonly #retries: RetryQueue;
  readonly #active = new ActiveCalls();
  readonly #cancelled: CancellationWatch;
  /** Absent when nobody can listen. */
  readonly #reporter: CallReporter | undefined;
  #suspendedStreams = 0;
  #refuseWith: (() => Error) | undefined;

  constructor(options: CallDispatcherOptions) {
    this.#options = options;
    this.references = options.references;
    this.#reporter = options.events === undefined ? undefined : new CallReporter(options.events);
    this.#placement = new Placement({
      balancer: options.balancer,
      members: options.members,
      quorumMet: options.quorumMet,
      descriptor: options.descriptor,
      wait: (call) => this.#waiting.add(call),
      waitFor: (call, member) => this.#waiting.addBound(call, member),
      sent: (call, member) => this.#reporter?.sent(call, member),
      giveUp: (call) => this.#giveUp(call),
    });
    this.#waiting = new WaitingCalls({
      timeoutMs: options.waitTimeoutMs,
      anyTaker: () => this.#placement.anyTaker,
      memberDue: options.memberDue,
      untried: (call, among) => this.#placement.untried(call, among),
      member: (uid) => options.members.get(uid),
      place: (call) => this.#placement.place(call),
      giveUp: (call) => this.#giveUp(call),
      expire: (calls) => {
        const cause = options.lastStartError();
        const reasons = options.reasons();
        for (const call of calls) {
          call.fail(new NoWorkersAvailableError(reasons, { ...(cause === undefined ? {} : { cause }) }));
        }
      },
    });
    this.#retries = new RetryQueue({
      inFlight: () => options.members.members.reduce((sum, member) => sum + member.inFlight, 0),
      offer: (call) => {
        call.refusals?.forgive();
        if (!this.#placement.place(call)) this.#waiting.addFirst(call);
      },
    });
    this.#cancelled = new CancellationWatch({
      killGraceMs: options.killGraceMs,
      firstWaiting: (member) => this.#active.firstWaiting(member),
      occupied: (member) => this.#active.occupies(member),
      abandoned: (calls) => {
        this.counts.abandoned += calls;
      },
      unresponsive: options.unresponsive,
    });
  }

  /** Calls that wait for a worker. */
  get queued(): number {
    return this.#waiting.size + this.#retries.size;
  }

  /** Generators that are suspended and that nobody waits for. */
  get suspendedStreams(): number {
    return this.#suspendedStreams;
  }

  /** Calls not settled, suspended generators included. */
  get unsettled(): number {
    return this.#active.size;
  }

  call(request: CallRequest): Promise<unknown> {
    if (this.#refuseWith !== undefined) return Promise.reject(this.#refuseWith());
    const call = new FunctionCall(this, request); // throws when an argument cannot travel: the routine rejects with it
    if (call.start()) this.submit(call);
    return call.promise;
  }

  stream(request: CallRequest): AsyncGenerator<unknown, unknown, unknown> {
    if (this.#refuseWith !== undefined) throw this.#refuseWith();
    return new RemoteGenerator(new GeneratorCall(this, request));
  }

  /** Refuses new calls from now on, with the error given. */
  refuse(makeError: () => Error): void {
    this.#refuseWith ??= makeError;
  }

  /** Resolves when no call is under way. Suspended generators count: somebody still holds them. */
  settled(): Promise<void> {
    return this.#active.none();
  }

  /** Ends every call under way. */
  abortAll(makeReason: () => unknown): void {
    this.#active.abortAll(makeReason);
  }

  submit(call: Call): void {
    if (!this.#active.has(call)) this.counts.calls += 1;
    if (this.#refuseWith !== undefined && !call.nested) {
      call.fail(this.#refuseWith());
      this.#active.delete(call);
      return;
    }
    this.#active.add(call);
    if (this.#waiting.precede(call) || !this.#placement.place(call)) this.#waiting.add(call);
  }

  stillborn(): void {
    this.counts.calls += 1;
    this.counts.cancelled += 1;
  }

  /**
   * Members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  progress(member?: Member): void {
    this.#waiting.drain(member);
  }

  cancelled(call: Call): void {
    this.counts.cancelled += 1;
    this.#active.delete(call);
    this.#reporter?.settled(call, "cancelled");
    if (call.phase === "queued") this.#waiting.withdraw(call);
    else if (call.member !== undefined) this.#cancelled.add(call, call.member);
  }

  answered(call: Call, outcome: "completed" | "failed"): void {
    this.counts[outcome] += 1;
    this.#active.delete(call);
    this.#reporter?.settled(call, outcome);
  }

  accepted(call: Call, version: string | undefined): void {
    this.#reporter?.accepted(call, version);
  }

  refused(call: Call, nack: Nack): void {
    const failure = classifyRefusal(nack.code);
    const measure = FAILURE_POLICY[failure];
    if (measure.call === "surface") {
      call.fail(refusalError(call.routine, nack));
      return;
    }
    const uid = call.lastUid;
    const member = this.#options.members.get(uid);
    // Its GoAway says so as well; without this, one that does not send it would be asked again and again.
    if (failure === "refused-draining" && member !== undefined) member.draining = true;
    if (measure.member === "version" || measure.member === "codec") {
      if (member !== undefined) this.#options.inadmissible(member, measure.member, nack.reason);
    }
    call.noteRefusal(nack);
    this.#redirect(call, nack);
  }

  lost(call: Call, member: Member | undefined, { error, started }: CallLoss): void {
    if (!started) {
      this.counts.redirected += 1;
      call.unsent();
      if (!call.reportRefused(error ?? new WorkerLostError("its connection ended", { uid: call.lastUid }))) {
        this.#waiting.addFirst(call);
      }
      return;
    }
    if (member === undefined) {
      call.fail(error ?? new WorkerLostError("its connection ended", { uid: call.lastUid }));
      return;
    }
    this.#options.describeLoss(member).then(
      (worker) => {
        const why =
          worker.culprit !== undefined
            ? `it was replaced, because '${worker.culprit}' went on after it was cancelled and blocked the worker`
            : (error?.message ?? "its connection ended");
        call.fail(
          new WorkerLostError(`${why}; the call to '${call.definition.id}' may have run`, worker, {
            ...(error === undefined ? {} : { cause: error }),
          }),
        );
      },
      (failure: unknown) => call.fail(failure),
    );
  }

  suspended(call: Call): void {
    this.#suspendedStreams += 1;
    if (call.occupancy?.yieldPermit() === true) this.progress(call.member);
  }

  resumed(call: Call): void {
    this.#suspendedStreams -= 1;
    call.occupancy?.resumePermit();
  }

  /** Finds another member for a call that one has refused. */
  #redirect(call: Call, nack: Nack): void {
    this.counts.redirected += 1;
    call.unsent();
    if (call.reportRefused(refusalError(call.routine, nack))) return;
    if (this.#placement.place(call)) return;
    if (nack.code === NackCode.FULL && !call.nested && !this.#placement.untried(call, "ready")) {
      this.#retries.add(call, nack.retryAfterMs); // everybody is busy with others' calls: again in a moment
      return;
    }
    if (this.#placement.untried(call, "all")) {
      this.#waiting.addRefused(call); // a member without room, or one that is still connecting
      return;
    }
    // A nested call would be sent to the same worker again, draining or not, and so without end.
    if (nack.code === NackCode.DRAINING && !call.nested) {
      call.refusals?.forgive(); // a replacement may be on its way; the wait for it is bounded
      this.#waiting.addFirst(call);
      return;
    }
    this.#giveUp(call);
  }

  #giveUp(call: Call): void {
    call.fail(
      call.refusals?.toError(call.definition) ?? new NoWorkersAvailableError(this.#options.reasons()),
    );
  }
}

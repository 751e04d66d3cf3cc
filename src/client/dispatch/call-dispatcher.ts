/**
 * The calls of one proxy: makes them, has each placed or kept waiting, and handles the events of calls. It
 * counts and reports them. `placement/placement.ts` chooses the member for a call, `waiting/waiting-calls.ts`
 * keeps the calls that wait, and `refused-calls.ts` decides about a call that its worker has not answered.
 */
import type { Balancer } from "../../balancer/balancer.ts";
import type { References } from "../../codec/references.ts";
import type { Dispatcher } from "../../context/dispatcher.ts";
import { hasContext } from "../../context/scope.ts";
import { type BodyTimeEstimate, BodyTimeEstimates } from "../../internal/body-time-estimate.ts";
import type { Definable } from "../../session/definitions.ts";
import { callChannel, callStepChannel, refusedChannel } from "../../telemetry/channels.ts";
import { leaveOutCall, RECORDED, recording } from "../../telemetry/recorder.ts";
import { traceToSend } from "../../telemetry/trace-bounds.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { Nack } from "../../wire/frames.ts";
import type { Attempt } from "../attempts/attempt.ts";
import type { AttemptOutcome } from "../attempts/attempt-carrier.ts";
import type { Call, CallLoss } from "../call/call.ts";
import { CallContext } from "../call/call-context.ts";
import { CallRecord, recordStream } from "../call/call-record.ts";
import { CancelledCalls } from "../call/cancelled-calls.ts";
import { FunctionCall } from "../call/function-call.ts";
import { GeneratorCall } from "../call/generator/generator-call.ts";
import type { GeneratorCallOwner } from "../call/generator/generator-call-owner.ts";
import { RemoteGenerator } from "../call/generator/remote-generator.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { Member } from "../members/member.ts";
import { RoutineLimits } from "../members/routine-limits.ts";
import { type Members, Placement, type SendObserver } from "../placement/placement.ts";
import { older } from "../waiting/lanes.ts";
import { QueueBound } from "../waiting/queue-bound.ts";
import { UnreadArguments } from "../waiting/unread-arguments.ts";
import { WaitingCalls } from "../waiting/waiting-calls.ts";
import { ActiveCalls, type CallLoad } from "./active-calls.ts";
import { admission } from "./admission.ts";
import type { CallDispatcherOptions } from "./call-dispatcher-options.ts";
import { type CallReporter, reporterOf } from "./call-reporter.ts";
import { type DispatchCounts, noCounts } from "./dispatch-counts.ts";
import { LackedRoutines } from "./lacked-routines.ts";
import { RefusedCalls } from "./refused-calls.ts";
import { type AttemptDispatcher, RepeatedCalls } from "./repeated-calls.ts";
import { SpoiledStreams } from "./spoiled-streams.ts";

/** Carries calls to members. */
export class CallDispatcher implements Dispatcher, GeneratorCallOwner, AttemptDispatcher, SendObserver {
  readonly references: References;
  readonly hasThreads: boolean;
  readonly counts: DispatchCounts = noCounts();
  readonly bodyTimes: BodyTimeEstimates = new BodyTimeEstimates();
  readonly limits: RoutineLimits = new RoutineLimits();
  readonly #members: Members;
  readonly #placement: Placement;
  readonly #waiting: WaitingCalls;
  readonly #refused: RefusedCalls;
  readonly #bound: QueueBound;
  readonly #unread: UnreadArguments;
  readonly #spoiled: SpoiledStreams;
  readonly #lacked: LackedRoutines;
  readonly #active = new ActiveCalls();
  readonly #repeated: RepeatedCalls;
  readonly #cancelled: CancelledCalls;
  /** Who reports calls; absent while nobody reads events about them. */
  readonly #listening: () => CallReporter | undefined;
  readonly #begun: (() => void) | undefined;
  #suspendedStreams = 0;
  #refuseWith: (() => Error) | undefined;

  constructor(options: CallDispatcherOptions) {
    const { references, balancer, members, supply, killGraceMs, waitTimeoutMs, events, descriptor } = options;
    const { counts } = this;
    this.references = references;
    this.#members = members;
    this.hasThreads = options.hasThreads ?? false;
    this.#listening = reporterOf(events);
    this.#begun = options.begun;
    const placement = new Placement({ balancer, members, descriptor, observer: this });
    const bound = new QueueBound({
      maxQueue: options.maxQueue,
      overflow: options.overflow ?? "reject",
      queued: () => this.#waiting.size + this.#refused.waiting + this.#unread.size,
      limits: this.limits,
      inLine: (line) => this.#unread.size > 0 || this.#waiting.inLine(line),
      events,
    });
    const waiting = new WaitingCalls({ members, placement, supply, timeoutMs: waitTimeoutMs, bound });
    this.#bound = bound;
    this.#unread = new UnreadArguments(bound);
    this.#placement = placement;
    this.#waiting = waiting;
    this.#lacked = new LackedRoutines(members);
    this.#refused = new RefusedCalls({
      members,
      placement,
      waiting,
      bound,
      supply,
      active: this.#active,
      lacked: this.#lacked,
      references,
      limits: this.limits,
      counts,
    });
    this.#spoiled = new SpoiledStreams(members);
    this.#repeated = new RepeatedCalls(this, placement);
    this.#cancelled = new CancelledCalls({ killGraceMs, active: this.#active, supply, counts });
  }

  /** Takes another balancer, and the descriptor that tells of it, before the first call. */
  use(policy: { readonly balancer: Balancer; readonly descriptor: Definable }): void {
    this.#placement.use(policy);
  }

  /** Calls that wait for a worker. */
  get queued(): number {
    return this.#waiting.size + this.#refused.waiting + this.#unread.size - this.#bound.beyond;
  }

  /** Identities of the routines that a member is known not to have. */
  lackedBy(member: Member): readonly string[] {
    return this.#lacked.of(member);
  }

  /** Calls that wait until fewer do; see `maxQueue`. */
  get held(): number {
    return this.#bound.held;
  }

  /** For how long the call has waited that has waited longest, in milliseconds; 0 if none waits. */
  get oldestWaitMs(): number {
    const oldest = older(this.#waiting.oldest, this.#refused.oldest);
    const waitedMs = oldest === undefined ? 0 : performance.now() - oldest.waitsSinceMs;
    return Math.max(0, waitedMs, this.#bound.heldMs);
  }

  /** What calls wait for beside room. */
  get waiting(): Pick<WaitingCalls, "limited" | "forResources"> {
    return this.#waiting;
  }

  /** Resolves when no call waits for a worker. */
  drained(): Promise<void> {
    return this.#bound.drained();
  }

  /** Calls not settled that wait for somebody to read on: generators, and functions with streams in their answers. */
  get unreadStreams(): number {
    return this.#suspendedStreams + this.#active.unread;
  }

  /** Calls not settled, suspended generators included. */
  get unsettled(): number {
    return this.#active.size + this.#repeated.pausing.size + this.#bound.unmade;
  }

  /** How much work there is for the pool's own workers; see {@link ActiveCalls.load}. */
  load(timeMs: (routine: string) => number | undefined): CallLoad {
    return this.#active.load(this.#bound.unmade, timeMs);
  }

  call(request: PlacedRequest): Promise<unknown> {
    const isTold = callChannel.hasSubscribers || refusedChannel.hasSubscribers;
    if (!isTold && recording.recorder === undefined) return this.#call(request, undefined);
    const trace = leaveOutCall(request.definition.id, request.trace ?? request.parent?.traceContext);
    const isRecorded = trace === RECORDED;
    if (!isTold && !isRecorded) return this.#call(request, undefined, traceToSend(trace));
    const record = new CallRecord(request, { streaming: false, isRecorded });
    if (!isRecorded) record.carry(trace);
    return record.make(() => this.#call(request, record));
  }

  stream(request: PlacedRequest): AsyncGenerator<unknown, unknown, unknown> {
    // Its surroundings are those of its first step: until then nobody can say whether it is left out.
    const isRecorded = recording.recorder !== undefined;
    const isTold =
      callChannel.hasSubscribers || callStepChannel.hasSubscribers || refusedChannel.hasSubscribers;
    const call =
      isTold || isRecorded
        ? recordStream(request, isRecorded, () => this.#stream(request))
        : this.#stream(request);
    return new RemoteGenerator(call);
  }

  /** Refuses new calls from now on, with the error given. */
  refuse(makeError: () => Error): void {
    this.#refuseWith ??= makeError;
  }

  /** Resolves when no call is under way. Suspended generators count: somebody still has them. */
  async settled(): Promise<void> {
    do {
      await this.#bound.allMade();
      await this.#repeated.pausing.emptied();
      await this.#active.emptied();
    } while (this.unsettled > 0);
  }

  /** Ends every call under way. */
  abortAll(makeReason: () => unknown): void {
    this.#bound.abortAll(makeReason);
    this.#repeated.abortAll(makeReason);
    this.#active.abortAll(makeReason);
  }

  /** @param trace What travels with it; absent, or if there is a record: as that or the task which makes it says. */
  #call(request: PlacedRequest, record: CallRecord | undefined, trace?: TraceContext): Promise<unknown> {
    if (this.#refuseWith !== undefined) {
      const error = this.#refuseWith();
      record?.settled("failed", error);
      return Promise.reject(error);
    }
    if (this.#bound.mayHold && this.#bound.holds(request)) {
      return this.#callLater(request, record, trace);
    }
    return this.#make(request, record, trace);
  }

  /** Waits for a place before anything is made of the call but its context. It goes on in the surroundings of its caller. */
  async #callLater(
    request: PlacedRequest,
    record: CallRecord | undefined,
    trace: TraceContext | undefined,
  ): Promise<unknown> {
    try {
      const context = hasContext() ? CallContext.taken(this.references) : undefined;
      const held = await admission(request, { bound: this.#bound, counts: this.counts, record });
      return await this.#make({ ...request, ...held }, record, trace, context);
    } catch (error) {
      record?.settled("failed", error); // one that could not be made; of any other it has been told
      throw error;
    }
  }

  #make(
    request: PlacedRequest,
    record: CallRecord | undefined,
    trace: TraceContext | undefined,
    context?: CallContext,
  ): Promise<unknown> {
    if (request.definition.repetition !== undefined) {
      const repeated = this.#repeated.make(request, { record, trace, context });
      if (repeated !== undefined) return repeated;
    }
    const call = new FunctionCall(this, request, context); // throws when an argument cannot travel: the routine rejects with it
    if (trace !== undefined) call.head.trace = trace;
    record?.follow(call);
    if (call.start()) {
      this.counts.calls += 1;
      this.#begin(call);
      this.#submit(call);
    }
    return call.promise;
  }

  #stream(request: PlacedRequest): GeneratorCall {
    if (this.#refuseWith !== undefined) throw this.#refuseWith();
    return new GeneratorCall(this, request);
  }

  submit(call: Call): void {
    this.counts.calls += 1;
    if (this.#refuseWith !== undefined && !call.nested) {
      call.fail(this.#refuseWith());
      this.#active.delete(call);
      return;
    }
    this.#begin(call);
    this.#submit(call);
  }

  #begin(call: Call): void {
    call.arrives();
    this.#active.add(call);
    if (this.#begun !== undefined && this.#active.size === 1) this.#begun();
  }

  #submit(call: Call): void {
    if (this.#lacked.any && call.only === undefined) this.#lacked.recall(call, { asksAgain: true });
    this.#sendOrKeep(call);
  }

  #sendOrKeep(call: Call): void {
    if (call.payload.unread !== undefined && this.#unread.read(call, () => this.#sendOrKeep(call))) return;
    // One that not everybody takes never waits among those that anybody may take.
    const waits = this.#members.ready.waiter !== undefined && this.#waiting.precede(call);
    if (waits && call.refusals === undefined) {
      this.#waiting.add(call);
      return;
    }
    this.#waiting.keep(call, this.#placement.place(call));
  }

  neverStarted(call: Call, reason: unknown): void {
    this.counts.calls += 1;
    this.counts.cancelled += 1;
    call.record?.settled("cancelled", reason);
  }

  cancelled(call: Call, reason: unknown): void {
    this.counts.cancelled += 1;
    this.#active.delete(call);
    this.#listening()?.settled(call, "cancelled");
    this.#giveUp(call);
    if (this.#bound.watched) this.#bound.check();
    call.record?.settled("cancelled", reason);
  }

  answered(call: Call, outcome: "completed" | "failed", error?: unknown): void {
    this.counts[outcome] += 1;
    if (outcome === "completed") this.#sound(call);
    this.#active.delete(call);
    this.#listening()?.settled(call, outcome);
    if (this.#bound.watched) this.#bound.check();
    call.record?.settled(outcome, error);
  }

  #giveUp(call: Call): void {
    if (call.phase === "queued") this.#waiting.withdraw(call);
    else if (call.member !== undefined) this.#cancelled.add(call, call.member);
  }

  submitAttempt(attempt: Attempt): void {
    this.#sendOrKeep(attempt);
  }

  attemptStarted(attempt: Attempt): void {
    this.#begin(attempt);
    if (this.#lacked.any) this.#lacked.recall(attempt, { asksAgain: !attempt.isHedge });
  }

  hedgeRefused(attempt: Attempt, nack: Nack): void {
    attempt.record?.refused(attempt.lastUid, nack);
    this.#refused.note(attempt, nack);
  }

  attemptOver(attempt: Attempt, outcome: AttemptOutcome): void {
    if (outcome === "completed") this.#sound(attempt);
    else if (outcome === "cancelled") this.#giveUp(attempt);
    this.#active.delete(attempt);
    if (this.#bound.watched) this.#bound.check();
    this.#listening()?.attemptOver(attempt, outcome);
  }

  repeatedOver(last: Attempt, outcome: AttemptOutcome): void {
    this.counts[outcome] += 1;
    this.#listening()?.settled(last, outcome);
  }

  sent(call: Call, member: Member): void {
    if (this.#members.ready.waiter !== undefined) this.#waiting.passed(member);
    if (this.#bound.watched) this.#bound.check();
    this.#listening()?.sent(call, member);
    call.record?.sent(member, call.stream);
  }

  accepted(call: Call, version: string | undefined): void {
    this.#listening()?.accepted(call, version);
    call.record?.accepted(version);
  }

  waits(estimate: BodyTimeEstimate): void {
    this.#active.shorten(estimate);
  }

  spoiled(call: Call, failure: "stream-broken" | "answer-malformed", error: Error): void {
    this.#spoiled.add(call.lastUid, failure, error);
  }

  threw(call: Call): void {
    this.#sound(call);
  }

  refused(call: Call, nack: Nack): void {
    call.record?.refused(call.lastUid, nack);
    if (call.settled) return; // by a subscriber
    this.#refused.refused(call, nack);
  }

  lost(call: Call, member: Member | undefined, loss: CallLoss): void {
    this.#refused.lost(call, member, loss);
  }

  suspended(call: Call): void {
    this.#suspendedStreams += 1;
    if (call.occupancy?.yieldPermit() === true) this.#waiting.drain(call.member);
  }

  resumed(call: Call): void {
    this.#suspendedStreams -= 1;
    call.occupancy?.resumePermit();
  }

  /** A worker has run the routine, and answered as it should. */
  #sound(call: Call): void {
    if (this.#spoiled.any) this.#spoiled.clear(call.lastUid);
    if (this.#lacked.any) this.#lacked.clear(call);
  }
}

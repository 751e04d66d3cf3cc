/**
 * A dispatcher with workers of a schedule, and what has to be true of its calls whenever everything that follows from the
 * last event has happened: a call that a member has room for has been sent, none is sent twice, and the counts are those of
 * the calls.
 */
import assert from "node:assert/strict";
import { advance, settle } from "./model-clock.ts";
import { type ModelStream, ModelWorker, type ModelWorkerKind } from "./model-worker.ts";

// What has deadlines comes after the clock. The blank line keeps the formatter from sorting.

import type { BalancedTask, Balancer, Candidate } from "../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../src/balancer/least-busy-balancer.ts";
import { RoundRobinBalancer } from "../../../src/balancer/round-robin-balancer.ts";
import { StickyBalancer } from "../../../src/balancer/sticky-balancer.ts";
import { Attempt } from "../../../src/client/attempts/attempt.ts";
import { Call } from "../../../src/client/call/call.ts";
import { ActiveCalls } from "../../../src/client/dispatch/active-calls.ts";
import { CallDispatcher } from "../../../src/client/dispatch/call-dispatcher.ts";
import type { Member } from "../../../src/client/members/member.ts";
import { ReadyMembers } from "../../../src/client/members/ready-members.ts";
import type { Members } from "../../../src/client/placement/placement.ts";
import type { Overflow, QueueEvent } from "../../../src/client/waiting/queue-bound.ts";
import type { IdempotentCallOptions } from "../../../src/context/dispatcher.ts";
import { resolveHedge, resolveRetry } from "../../../src/identity/repeat-options.ts";
import type { RoutineDefinition } from "../../../src/identity/routine-definition.ts";
import { deadlines } from "../../../src/internal/time/deadline-queue.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import type { ReceivedMessage } from "../../../src/session/messages/received-message.ts";
import type { Nack } from "../../../src/wire/frames.ts";
import { stubParent } from "../use-dispatcher.ts";

/** How a balancer of a schedule chooses. */
export type Policy = "least-busy" | "round-robin" | "sticky" | "insists" | "delegates" | "delegates-late";

/** What a schedule decides before its first event. */
export interface WorldOptions {
  readonly policy: Policy;
  readonly maxQueue?: number | undefined;
  readonly overflow?: Overflow | undefined;
  readonly waitTimeoutMs?: number;
  /** Numbers for the balancer, and for workers. */
  readonly below: (limit: number) => number;
}

/** What a routine of a schedule is like. */
export interface ModelRoutine {
  readonly id: string;
  /** What its bodies are known to take at first; absent: that is not known. */
  readonly us?: number;
  readonly limit?: number;
  readonly needsThread?: boolean;
  readonly large?: boolean;
  readonly repeated?: "retry" | "hedge" | "both";
}

/** How a call of a schedule is made. */
export interface ModelCallOptions extends IdempotentCallOptions {
  readonly nested?: boolean;
  readonly only?: string;
  readonly hasSignal?: boolean;
  readonly isAborted?: boolean;
}

/** One call of a schedule. */
export interface ModelCall {
  readonly tag: string;
  readonly routine: ModelRoutine;
  readonly controller: AbortController | undefined;
  readonly nested: boolean;
  /** When it came, among the calls and their further attempts. */
  readonly arrival: number;
  outcome: "resolved" | "rejected" | undefined;
  error: unknown;
  /** Streams that it has open. */
  open: number;
  sends: number;
  /** Some worker has begun it. */
  begun: boolean;
  /** Some worker has answered it with a value. */
  answered: boolean;
}

/** 64 KiB and more go in parts. */
const LARGE = new Uint8Array(70_000);
const NOTHING = {
  empty: true,
  bodyUs: 0,
  variables: undefined,
  attachments: [],
  source: { local: true },
} as unknown as ReceivedMessage; // what a call reads of an answer without a value

let current: ModelWorld | undefined;

// A call of which the schedule says that it needs a thread has no port among its arguments.
Object.defineProperty(Call.prototype, "needsThread", {
  get(this: Call): boolean {
    return current?.needsThread(this.definition) === true;
  },
});
const { add } = ActiveCalls.prototype;
ActiveCalls.prototype.add = function (this: ActiveCalls, call: Call): void {
  current?.made(call);
  add.call(this, call);
};
const remove = ActiveCalls.prototype.delete;
ActiveCalls.prototype.delete = function (this: ActiveCalls, call: Call): boolean {
  current?.over(call);
  return remove.call(this, call);
};

/** The dispatcher of one schedule, and all around it. */
export class ModelWorld implements Members {
  readonly dispatcher: CallDispatcher;
  readonly ready: ReadyMembers<Member> = new ReadyMembers();
  readonly workers: ModelWorker[] = [];
  readonly calls: ModelCall[] = [];
  readonly events: QueueEvent[] = [];
  /** Calls that are not settled, as the dispatcher has them. */
  readonly active = new Set<Call>();
  /** Whether further members may come. */
  memberDue = true;
  /** What late balancers wait for. */
  readonly gates: Array<() => void> = [];
  readonly delegated = new Map<unknown, number>();
  readonly log: string[] = [];
  hasPriorities = false;
  /** Workers in the last part of a schedule refuse nothing. */
  opened = 0;
  readonly #options: WorldOptions;
  readonly #byTag = new Map<string, ModelCall>();
  readonly #definitions = new Map<ModelRoutine, RoutineDefinition>();
  readonly #thready = new WeakSet<object>();
  /** When each call, or further attempt, came. */
  readonly #order = new WeakMap<Call, number>();
  #arrivals = 0;
  /** How many were not over when a call was made. */
  readonly #before = new WeakMap<Call, number>();
  /** Later calls that have gone past one, to a worker that had room for it. */
  readonly #passed = new WeakMap<Call, number>();
  #uids = 0;
  #drained = true;
  /** The first thing that was wrong with a send. */
  #wrong: unknown;
  readonly #keptAlive: number = keptAlive();

  constructor(options: WorldOptions) {
    this.log.push(
      `${options.policy}, at most ${options.maxQueue ?? "any number"} wait (${options.overflow})`,
    );
    this.#options = options;
    current = this;
    this.dispatcher = new CallDispatcher({
      references: processReferences,
      balancer: this.#balancer(options.policy),
      members: this,
      supply: {
        get memberDue(): boolean {
          return current?.memberDue === true;
        },
        get replacementDue(): boolean {
          return current?.memberDue === true;
        },
        lastStartError: undefined,
        describeLoss: async ({ uid }) => ({ uid }),
        unresponsive() {},
        importFailed: () => options.below(2) === 0,
      },
      waitTimeoutMs: options.waitTimeoutMs ?? 5_000,
      killGraceMs: 2_000,
      maxQueue: options.maxQueue,
      overflow: options.overflow,
      events: { wanted: false, publish() {}, queueChanged: (event) => void this.events.push(event) },
    });
  }

  // The members, as the dispatcher sees them.

  get members(): readonly Member[] {
    return this.workers.map(({ member }) => member);
  }

  get quorumMet(): boolean {
    return true;
  }

  get(uid: string): Member | undefined {
    return this.workers.find((worker) => worker.uid === uid)?.member;
  }

  whyNone(): [] {
    return [];
  }

  evict(member: Member): void {
    const worker = this.workers.find(({ uid }) => uid === member.uid);
    if (worker !== undefined) this.lose(worker, { comesBack: false });
  }

  // What happens to workers.

  /** Another worker has been found. It is connecting. */
  find(kind: ModelWorkerKind): ModelWorker {
    this.#uids += 1;
    const worker = new ModelWorker(`w${this.#uids}`, kind, this.ready, {
      opened: (stream) => this.#noteOpened(stream),
      inChunks: () => this.#options.below(4) > 0,
    });
    this.workers.push(worker);
    this.#changed();
    return worker;
  }

  connect(worker: ModelWorker): void {
    worker.connect();
    this.#changed();
  }

  /** Its connection ends, or it is not reached. */
  lose(worker: ModelWorker, { comesBack }: { readonly comesBack: boolean }): void {
    const session = worker.session as { open: boolean } | undefined;
    if (session !== undefined) session.open = false;
    const lost = [...worker.streams.values()];
    worker.streams.clear();
    if (!comesBack) this.workers.splice(this.workers.indexOf(worker), 1);
    worker.disconnect(comesBack ? "connecting" : "gone");
    this.#changed();
    for (const stream of lost) {
      const model = this.#ended(stream);
      const started = stream.started || this.#options.below(2) === 0;
      if (started) model.begun = true;
      stream.call.lost(new Error("the connection ended"), started);
    }
  }

  drain(worker: ModelWorker): void {
    worker.leaving = true;
    worker.startDraining();
    this.ready.waiter?.drain(worker.member);
  }

  /** A new record of it has come. */
  update(worker: ModelWorker, kind: ModelWorkerKind): void {
    worker.metadata = { uid: worker.uid, options: { maxConcurrentCalls: kind.concurrency } };
    worker.eased();
    this.#changed();
  }

  expectNobody(): void {
    this.memberDue = false;
    this.ready.waiter?.drain();
  }

  // What workers answer. Whoever has several answer in one batch calls `progress` once.

  accept({ call, cancelled }: ModelStream): void {
    if (cancelled) return;
    call.accepted("0.1.0");
  }

  park(stream: ModelStream, us: number): void {
    this.#begins(stream);
    stream.parked = true;
    stream.call.parked(us);
  }

  /** The body has returned, or thrown. */
  finish(stream: ModelStream, us: number, how: "done" | "thrown"): void {
    this.#begins(stream);
    stream.worker.streams.delete(stream.number);
    const model = this.#ended(stream);
    if (how === "done") model.answered = true;
    const message = { ...NOTHING, bodyUs: us } as ReceivedMessage;
    if (how === "done") stream.call.done(message);
    else stream.call.exception(message);
  }

  refuse(stream: ModelStream, nack: Nack): void {
    assert.ok(!stream.started, "the schedule refuses what has begun");
    stream.worker.streams.delete(stream.number);
    this.#ended(stream);
    stream.call.refused(nack);
  }

  transfer(stream: ModelStream): void {
    const { transferred, worker } = stream;
    stream.transferred = undefined;
    if (![...worker.streams.values()].some((other) => other.transferred !== undefined))
      worker.congested = false;
    transferred?.();
  }

  // What callers do.

  call(routine: ModelRoutine, wish: ModelCallOptions = {}): ModelCall {
    const { nested = false, only, hasSignal = false, isAborted = false, ...given } = wish;
    const tag = `c${this.calls.length + 1}`;
    const controller = hasSignal || isAborted ? new AbortController() : undefined;
    this.#arrivals += 1;
    const model: ModelCall = {
      tag,
      routine,
      controller,
      nested,
      arrival: this.#arrivals,
      outcome: undefined,
      error: undefined,
      open: 0,
      sends: 0,
      begun: false,
      answered: false,
    };
    this.calls.push(model);
    this.#byTag.set(tag, model);
    if ((given.priority ?? 0) !== 0) this.hasPriorities = true;
    if (isAborted) controller?.abort(new Error("aborted before"));
    const promise = this.dispatcher.call({
      definition: this.#define(routine),
      receiver: undefined,
      parameters: routine.large === true ? [LARGE] : [],
      options: { ...given, ...(controller !== undefined && { signal: controller.signal }), tag },
      parent: nested ? stubParent() : undefined,
      ...(only !== undefined && { only }),
    });
    const settled = (outcome: "resolved" | "rejected", error: unknown): void => {
      assert.equal(model.outcome, undefined, `${tag} settles twice`);
      model.outcome = outcome;
      model.error = error;
      if (outcome === "resolved") assert.ok(model.answered, `${tag} resolves, and nobody has answered`);
    };
    promise.then(
      () => settled("resolved", undefined),
      (error: unknown) => settled("rejected", error),
    );
    return model;
  }

  needsThread(definition: object): boolean {
    return this.#thready.has(definition);
  }

  made(call: Call): void {
    this.active.add(call);
    if (this.#order.has(call)) return;
    const isFurther = call instanceof Attempt && call.number > 1;
    if (isFurther) this.#arrivals += 1;
    this.#order.set(call, isFurther ? this.#arrivals : this.#modelOf(call).arrival);
    this.#before.set(call, this.active.size - 1);
  }

  over(call: Call): void {
    this.active.delete(call);
  }

  // What has to be true.

  /** Everything that follows has happened: looks at all of it. */
  check(): void {
    if (this.#wrong !== undefined) throw this.#wrong;
    const waiting = this.waiting();
    this.#checkCounts(waiting);
    this.#checkRoom(waiting);
  }

  /** Looks again for room, of which there is none for anybody who waits. A balancer that takes its time is offered all each time. */
  async lookAgain(): Promise<void> {
    if (this.#isDelegated) return;
    const { opened } = this;
    // One that waits for a certain member is looked at when that has answered: if something is there to be answered.
    const { policy } = this.#options;
    const isBound =
      policy === "sticky" || policy === "insists" || this.waiting().some(({ only }) => only !== undefined);
    if (!isBound) this.ready.waiter?.drain();
    for (const worker of this.workers) if (worker.inFlight === 0) this.ready.waiter?.drain(worker.member);
    await settle();
    assert.equal(this.opened, opened, "a call could have been sent, and nobody had looked");
  }

  /** Calls that have been made, are on no worker and offered to none. */
  waiting(): Call[] {
    return [...this.active].filter(
      (call) => call.phase === "queued" && !call.settled && !this.delegated.has(call),
    );
  }

  /** Ends what a schedule that has failed has left. */
  async abandon(): Promise<void> {
    this.dispatcher.abortAll(() => new Error("the schedule has failed"));
    for (const worker of [...this.workers]) this.lose(worker, { comesBack: false });
    for (let rounds = 0; rounds < 50 && deadlines.size > 0; rounds++) await advance(10_000);
  }

  /** Nothing is left. */
  async checkOver(): Promise<void> {
    if (this.#wrong !== undefined) throw this.#wrong;
    const { dispatcher } = this;
    assert.deepEqual(
      this.calls.filter(({ outcome }) => outcome === undefined).map(({ tag }) => tag),
      [],
      "calls do not end",
    );
    let told = 0;
    for (const over of [dispatcher.drained(), dispatcher.settled()]) void over.then(() => told++);
    await settle();
    assert.equal(told, 2, "nobody is told that no call waits, or that none is under way");
    for (let rounds = 0; rounds < 20 && deadlines.size > 0; rounds++) await advance(10_000);
    assert.equal(deadlines.size, 0, "deadlines are left");
    this.ready.waiter?.drain();
    await settle();
    assert.equal(this.ready.waiter, undefined, "somebody still waits for members");
    assert.equal(dispatcher.unsettled, 0, "unsettled");
    assert.equal(dispatcher.queued, 0, "queued");
    assert.equal(dispatcher.held, 0, "held");
    assert.equal(dispatcher.oldestWaitMs, 0, "oldestWait");
    assert.deepEqual(dispatcher.waiting.limited, []);
    assert.equal(this.active.size, 0, "active");
    assert.equal(keptAlive(), this.#keptAlive, "the process is kept alive");
    for (const { uid, inFlight, permits, aheadCount, aheadUs, transferCount, transferUs, doubts } of this
      .workers) {
      assert.deepEqual(
        [inFlight, permits, aheadCount, transferCount, doubts],
        [0, 0, 0, 0, 0],
        `left on ${uid}`,
      );
      assert.ok(Math.abs(aheadUs) < 1e-6 && Math.abs(transferUs) < 1e-6, `${uid}: ${aheadUs} ${transferUs}`);
    }
    const { calls, completed, failed, cancelled } = dispatcher.counts;
    assert.equal(calls, completed + failed + cancelled, "counts");
    let isFull = false;
    for (const { type } of this.events) {
      assert.equal(type, isFull ? "queue-drained" : "queue-full");
      isFull = !isFull;
    }
    assert.equal(isFull, false, "the queue is told to be full for ever");
  }

  #checkCounts(waiting: readonly Call[]): void {
    const { dispatcher } = this;
    const { calls, completed, failed, cancelled } = dispatcher.counts;
    const unsettled = this.calls.filter(({ outcome }) => outcome === undefined);
    const tags = new Set([...this.active].map(({ tag }) => tag));
    const unmade = unsettled.filter(({ tag, routine }) => !tags.has(tag) && routine.repeated === undefined);
    const inDoubt = unsettled.filter(({ tag, routine }) => !tags.has(tag) && routine.repeated !== undefined);
    assert.equal(completed + failed + cancelled, this.calls.length - unsettled.length, "settled calls");
    const { queued, held } = dispatcher;
    const many = queued + held;
    const least = waiting.length + unmade.length;
    assert.ok(
      many >= least && many <= least + inDoubt.length,
      `${queued} queued and ${held} held, of ${waiting.length} that wait, ${unmade.length} to be made and ${inDoubt.length} between attempts`,
    );
    if (inDoubt.length === 0) assert.equal(calls, this.calls.length - unmade.length, "calls");
    const attempts = unsettled.filter(({ tag }) => tags.has(tag)).length;
    const more = this.active.size - attempts;
    assert.equal(dispatcher.unsettled, unsettled.length + more, "unsettled calls");
    const { maxQueue, overflow } = this.#options;
    if (maxQueue !== undefined && overflow === "wait") {
      assert.ok(queued <= maxQueue, `${queued} queued`);
      if (held === 0) assert.equal(unmade.length, 0);
    }
    if (queued + held > 0) this.#drained = false;
    else if (!this.#drained) {
      this.#drained = true;
      assert.notEqual(this.events.at(-1)?.type, "queue-full", "the queue is empty, and told to be full");
    }
  }

  /** Whether somebody waits for whom there is room. */
  #checkRoom(waiting: readonly Call[]): void {
    const { policy } = this.#options;
    const lanes = new Map<string, Call[]>();
    const only = new Map<string, Call[]>();
    for (const call of waiting) {
      if (call.only !== undefined) {
        if (policy !== "insists" && policy !== "sticky") listIn(only, call.only, call);
      } else if (call.refusals?.stand === true) {
        if (policy !== "insists" && policy !== "sticky") this.#assertNoRoom(call, "refused elsewhere");
      } else if (call.nested) this.#assertNoRoom(call, "nested");
      else if (policy !== "insists" && policy !== "sticky") listIn(lanes, laneOf(call), call);
    }
    for (const [uid, calls] of only) {
      const member = this.get(uid);
      // It is looked at when the member has answered: what has been learned elsewhere may make room for it before that.
      const isFull = calls.some(
        (call) => member?.inFlight !== 0 || !member.hasRoom(call.estimate.us, call.large),
      );
      assert.ok(
        isFull || this.#isPausing(calls),
        `${calls.map(({ tag }) => tag)} wait for ${uid}, which has room`,
      );
    }
    const plain = lanes.get(PLAIN) ?? [];
    const plainSinceMs = Math.min(...plain.map(({ waitsSinceMs }) => waitsSinceMs));
    for (const [name, calls] of lanes) {
      const isFirst =
        plain.length === 0 ||
        name === PLAIN ||
        (!this.hasPriorities && calls.every(({ waitsSinceMs }) => waitsSinceMs < plainSinceMs));
      if (!isFirst) continue;
      assert.ok(
        calls.some((call) => this.#roomFor(call).length === 0),
        `all of a lane wait, and there is room: ${calls.map((call) => `${call.tag} on ${this.#roomFor(call)}`)}`,
      );
    }
    if (waiting.length > 0 && waiting.some((call) => !this.#isPausing([call])))
      assert.ok(this.ready.waiter !== undefined, "calls wait, and nobody looks");
  }

  /** Whether one of them may be among those that are offered again after a pause: somebody full has refused it. */
  #isPausing(calls: readonly Call[]): boolean {
    return calls.some(({ lastUid }) => lastUid !== "");
  }

  #assertNoRoom(call: Call, why: string): void {
    const open = this.#roomFor(call);
    assert.equal(open.length, 0, `${call.tag} (${why}) waits, and ${open} has room`);
  }

  /** The members that have room for a call. */
  #roomFor(call: Call): string[] {
    const { view } = this.ready;
    const threads = view.some(({ inThread }) => inThread);
    // An index rounds up.
    const us =
      view.length > 16 && call.estimate.us !== undefined ? call.estimate.us * 1.2 + 1 : call.estimate.us;
    return view
      .filter(
        (member) =>
          call.refusals?.has(member.uid) !== true &&
          (!call.needsThread || member.inThread || !threads) &&
          (call.nested || (member.hasRoom(us, call.large) && call.limit?.hasRoom(member) !== false)),
      )
      .map(({ uid }) => uid);
  }

  #begins(stream: ModelStream): void {
    const model = this.#modelOf(stream.call);
    if (!stream.started && !stream.cancelled) {
      if (model.begun) assert.ok(model.routine.repeated !== undefined, `${model.tag} begins twice`);
      model.begun = true;
    }
    stream.started = true;
  }

  /** What is wrong with a send would be an error of sending, with which the call fails: it is kept for the next look. */
  #noteOpened(stream: ModelStream): void {
    try {
      this.#opened(stream);
    } catch (error) {
      this.#wrong ??= error;
    }
  }

  #opened(stream: ModelStream): void {
    const { call, worker } = stream;
    const model = this.#modelOf(call);
    this.opened += 1;
    const { open } = model;
    model.open += 1;
    model.sends += 1;
    this.log.push(`${model.tag} (${model.routine.id}) is sent to ${worker.uid}`);
    assert.ok(!call.settled, `${model.tag} is sent after it has settled`);
    assert.equal(model.outcome, undefined, `${model.tag} is sent after its caller has been answered`);
    assert.ok(worker.ready, `${model.tag} is sent to ${worker.uid}, which is not connected`);
    const { hedge } = call.definition.repetition ?? {};
    if (model.routine.repeated === undefined) {
      assert.ok(!model.begun, `${model.tag} is sent again after it has begun`);
    }
    assert.ok(open <= (hedge?.max ?? 0), `${model.tag} is sent ${open + 1} times at a time`);
    assert.equal(call.occupancy, undefined, `${model.tag} is sent while it is on a worker`);
    if (call.only !== undefined) assert.equal(worker.uid, call.only);
    // A balancer that takes its time may have been asked before there was a thread.
    else if (call.needsThread && !this.#isDelegated && this.ready.view.some(({ inThread }) => inThread)) {
      assert.ok(worker.inThread, `${model.tag} goes to ${worker.uid}, which is no thread`);
    }
    if (!model.nested && worker.draining)
      assert.equal(this.#isDelegated, true, `${model.tag} goes to a draining worker`);
    if (!this.#choosesAmongAll) {
      this.#checkOrder(call);
      this.#checkPassed(call, worker);
    }
  }

  /** Whether its balancer has a mind of its own about who waits for whom. */
  get #choosesAmongAll(): boolean {
    const { policy } = this.#options;
    return policy === "sticky" || policy === "insists" || this.#isDelegated;
  }

  /** Of the calls that ask the same and that nobody in particular has refused, the first by rank goes, or the oldest of all. */
  #checkOrder(call: Call): void {
    if (!isOfLane(call)) return;
    const lane = laneOf(call);
    const others = this.waiting().filter(
      (other) => other !== call && isOfLane(other) && laneOf(other) === lane,
    );
    const isFirst = others.every((other) => this.#isEarlier(call, other));
    for (const other of others) {
      if (other.rank < call.rank) continue;
      const goes = isFirst || (other.rank === call.rank && this.#isEarlier(call, other));
      assert.ok(goes, `${call.tag} goes before ${other.tag}`);
    }
  }

  /** Nobody is gone past without end by calls that go where it could. */
  #checkPassed(call: Call, worker: ModelWorker): void {
    const waiting = this.waiting().filter((other) => !other.nested && other.lastUid === "");
    for (const other of waiting) {
      if (other === call || this.#isEarlier(call, other) || !this.#hasRoomSoon(other, worker)) continue;
      const before = this.#before.get(other) ?? 0;
      const passed = (this.#passed.get(other) ?? 0) + 1;
      this.#passed.set(other, passed);
      const most = 72 * (before + 1);
      assert.ok(passed <= most, `${passed} have gone past ${other.tag}, before which ${before} came`);
    }
  }

  /** Whether a worker has room for a call that takes no time. */
  #hasRoomSoon({ only, refusals, needsThread, limit, large }: Call, { member }: ModelWorker): boolean {
    if (only !== undefined && only !== member.uid) return false;
    if (refusals?.has(member.uid) === true || limit?.hasRoom(member) === false) return false;
    if (needsThread && !member.inThread && this.ready.view.some(({ inThread }) => inThread)) return false;
    return member.hasRoom(1, large);
  }

  #isEarlier(call: Call, other: Call): boolean {
    return (this.#order.get(call) ?? 0) < (this.#order.get(other) ?? 0);
  }

  get #isDelegated(): boolean {
    return this.#options.policy.startsWith("delegates");
  }

  #ended({ call, worker, number }: ModelStream): ModelCall {
    worker.streams.delete(number);
    const model = this.#modelOf(call);
    model.open -= 1;
    return model;
  }

  #modelOf({ tag }: Call): ModelCall {
    const model = this.#byTag.get(tag ?? "");
    assert.ok(model !== undefined);
    return model;
  }

  #changed(): void {
    this.ready.waiter?.drain();
  }

  #define(routine: ModelRoutine): RoutineDefinition {
    let definition = this.#definitions.get(routine);
    if (definition !== undefined) return definition;
    const { id, limit, repeated } = routine;
    const retry =
      repeated === "retry" || repeated === "both" ? { attempts: 3, budget: { tokens: 1_000 } } : false;
    const hedge = repeated === "hedge" || repeated === "both" ? { after: 20, max: 2 } : false;
    definition = {
      id,
      name: id,
      module: undefined,
      kind: "function",
      body: () => undefined,
      declaredIn: undefined,
      timeoutMs: undefined,
      limit,
      repetition:
        repeated === undefined ? undefined : { retry: resolveRetry(retry), hedge: resolveHedge(hedge) },
      routine: {},
    };
    this.#definitions.set(routine, definition);
    if (routine.needsThread === true) this.#thready.add(definition);
    if (routine.us !== undefined) this.dispatcher.bodyTimes.of(definition).add(routine.us);
    return definition;
  }

  #balancer(policy: Policy): Balancer {
    switch (policy) {
      case "least-busy":
        return new LeastBusyBalancer();
      case "round-robin":
        return new RoundRobinBalancer();
      case "sticky":
        return new StickyBalancer();
      case "insists":
        return { pick: (_task, view) => this.#options.below(view.length), async *delegate() {} };
      case "delegates":
      case "delegates-late":
        return { delegate: (task, view) => this.#delegate(task, view, policy === "delegates-late") };
    }
  }

  /** A balancer without a fast path, which may take its time before each name. */
  async *#delegate(
    task: BalancedTask,
    view: readonly Candidate[],
    isLate: boolean,
  ): AsyncGenerator<string, void, string | undefined> {
    this.delegated.set(task, (this.delegated.get(task) ?? 0) + 1);
    assert.equal(this.delegated.get(task), 1, "a call is offered twice at a time");
    try {
      const names = new LeastBusyBalancer().delegate(
        task,
        view.filter((candidate) => candidate.room),
      );
      for (;;) {
        if (isLate) await new Promise<void>((resolve) => this.gates.push(resolve));
        const step = names.next();
        if (step.done === true) return;
        try {
          if ((yield step.value) !== undefined) return;
        } catch {
          // It has refused: the next one is named.
        }
      }
    } finally {
      this.delegated.delete(task);
    }
  }
}

/** What keeps the process alive, as `keep-alive.ts` counts it. */
function keptAlive(): number {
  const shared = globalThis as unknown as Record<symbol, { readonly count: number } | undefined>;
  return shared[Symbol.for("merino.liveness")]?.count ?? 0;
}

const PLAIN = "undefined false false";

/** Whether it waits in its lane, where it has come to that: anybody may take it, also if it has come back from somewhere. */
function isOfLane(call: Call): boolean {
  if (call instanceof Attempt && call.number > 1) return false; // a hedge goes past those that wait, to another worker
  return !call.nested && call.only === undefined && call.refusals === undefined;
}

function laneOf({ limit, large, needsThread }: Call): string {
  return `${limit?.routine} ${large} ${needsThread}`;
}

function listIn(lists: Map<string, Call[]>, name: string, call: Call): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [call]);
  else list.push(call);
}

export { advance, settle };

/**
 * What becomes of a call whose worker has not answered it. One that was provably not started, since it was refused or
 * its Task never left, goes to the next candidate, except that a refusal which `failure-policy.ts` marks `surface`
 * settles it with an error at once. Any other call is settled with an error too. It settles no call that may still be
 * running.
 */
import { decodeValue } from "../../codec/decode/decoder.ts";
import type { References } from "../../codec/references.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { NETWORK } from "../../identity/taint.ts";
import type { Amounts } from "../../internal/amounts.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import type { Nack } from "../../wire/frames.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { NO_PARTS } from "../../wire/payload.ts";
import type { Call, CallLoss } from "../call/call.ts";
import { refusalError, reservationLost } from "../call/refusal-record.ts";
import { classifyRefusal, FAILURE_POLICY } from "../members/failure-policy.ts";
import type { Member } from "../members/member.ts";
import type { RoutineLimits } from "../members/routine-limits.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";
import { older } from "../waiting/lanes.ts";
import type { QueueBound } from "../waiting/queue-bound.ts";
import { RetryQueue } from "../waiting/retry-queue.ts";
import type { WaitingCalls } from "../waiting/waiting-calls.ts";
import type { ActiveCalls } from "./active-calls.ts";
import type { DispatchCounts } from "./dispatch-counts.ts";
import { explainLoss, lossReason } from "./explain-loss.ts";
import type { LackedRoutines } from "./lacked-routines.ts";

/** The parts with which another worker is found for a call. */
export interface RefusedCallsOptions {
  readonly members: Members;
  readonly placement: Placement;
  readonly waiting: WaitingCalls;
  readonly bound: Pick<QueueBound, "admitsRefused">;
  readonly supply: Pick<MemberSupply, "describeLoss" | "importFailed">;
  readonly active: Pick<ActiveCalls, "noteFailedImport">;
  readonly lacked: Pick<LackedRoutines, "add">;
  readonly references: References;
  /** What is learned of the limits of routines. */
  readonly limits: RoutineLimits;
  /** `redirected` is counted here. */
  readonly counts: DispatchCounts;
}

/** About how long a worker takes to refuse a call from its head, in microseconds. */
const REFUSAL_US = 10;

const NOTHING: Amounts = new Map();

/** Handles the calls that their workers have not answered. */
export class RefusedCalls {
  readonly #options: RefusedCallsOptions;
  readonly #retries: RetryQueue;
  /** Of calls that may go to one worker only: a member that comes is none of theirs. */
  readonly #retriesOfOnly: RetryQueue;
  /** By member: the modules that it is known to have failed to import. */
  readonly #failedImports = new WeakMap<Member, Set<string | undefined>>();

  constructor(options: RefusedCallsOptions) {
    this.#options = options;
    this.#retries = new RetryQueue(options);
    this.#retriesOfOnly = new RetryQueue(options);
    options.waiting.retries = this.#retries;
  }

  /** Calls that wait to be offered again to workers that are all full. */
  get waiting(): number {
    return this.#retries.size + this.#retriesOfOnly.size;
  }

  /** The one of them that has waited longest. */
  get oldest(): Call | undefined {
    return older(this.#retries.oldest, this.#retriesOfOnly.oldest);
  }

  /** The worker that the call was last sent to has refused it. */
  refused(call: Call, nack: Nack): void {
    const failure = classifyRefusal(nack.code);
    const measure = FAILURE_POLICY[failure];
    if (nack.code === NackCode.RESERVATION_LOST && call.within !== undefined) {
      call.fail(reservationLost(call, call.lastUid, call.within.end ?? "expired"));
      return;
    }
    if (measure.call === "surface") {
      // Of a routine whose body never runs nothing is ever learned, and its calls would go one at a time.
      if (call.estimate.us === undefined) call.estimate.add(REFUSAL_US);
      call.fail(refusalError(call.routine, nack));
      return;
    }
    const member = this.#noteOf(call, nack);
    const cause = this.#causeOf(nack);
    if (member !== undefined && this.#short(call, member, nack)) return;
    if (call.only !== undefined) return this.#refusedByOnly(call, nack, cause);
    if (isLimited(call, nack) && member !== undefined) return this.#limited(call, member, nack);
    const refusals = call.noteRefusal(nack, { cause });
    if (failure === "refused-import" && member !== undefined && this.#isReplaced(member, call)) {
      if (refusals.endsWithImport) refusals.awaitsReplacement = false;
      else if (!call.nested) refusals.awaitsReplacement = true;
    }
    this.#redirect(call, nack, cause);
  }

  /** Takes note of what a refusal says of the worker. Its call goes on elsewhere, or has been dropped. */
  note(call: Call, nack: Nack): void {
    const member = this.#noteOf(call, nack);
    if (member === undefined) return;
    if (isLimited(call, nack)) this.#noteLimit(call, member, nack);
    else if (nack.needs !== undefined) this.#noteShort(call, member, nack);
    else if (classifyRefusal(nack.code) === "refused-import") this.#isReplaced(member, call);
  }

  /** @returns The member that has refused, if it is still there. */
  #noteOf(call: Call, nack: Nack): Member | undefined {
    const failure = classifyRefusal(nack.code);
    const measure = FAILURE_POLICY[failure];
    const { members, lacked } = this.#options;
    const member = members.get(call.lastUid);
    if (member === undefined) return undefined;
    lacked.add(call, member, nack);
    // A worker's GoAway says the same; without this line, a worker that sends none would be asked again and again.
    if (failure === "refused-draining") member.startDraining();
    if (measure.member === "version" || measure.member === "codec") {
      members.evict(member, measure.member, shownBriefly(nack.reason));
    }
    return member;
  }

  #noteLimit(call: Call, member: Member, nack: Nack): void {
    const { limits, waiting } = this.#options;
    call.limit = limits.learn(call.definition);
    call.limit.refused(member, nack.limit ?? 1, nack.retryAfterMs, () => waiting.drain());
  }

  /**
   * As many bodies of the call's routine run on the member as may. That says nothing about others, or later: it is not
   * noted as a refusal, and a root call waits until it may be sent again.
   */
  #limited(call: Call, member: Member, nack: Nack): void {
    const { counts, waiting } = this.#options;
    this.#noteLimit(call, member, nack);
    counts.redirected += 1;
    call.unsent();
    if (call.offer?.refused(refusalError(call.routine, nack)) === true) return; // the balancer names the next
    waiting.offer(call);
  }

  /**
   * The member has not free, or never has, what the call's routine needs there, which counts from now on.
   *
   * @returns Whether the call waits until it has, as another one: what is not free now says nothing about later.
   */
  #short(call: Call, member: Member, nack: Nack): boolean {
    const { counts, waiting } = this.#options;
    if (!this.#noteShort(call, member, nack)) return false;
    counts.redirected += 1;
    call.unsent();
    if (call.offer?.refused(refusalError(call.routine, nack)) === true) return true; // the balancer names the next
    waiting.offer(call);
    return true;
  }

  /** @returns Whether the call may wait for it. */
  #noteShort(call: Call, member: Member, { code, needs, free = NOTHING, retryAfterMs }: Nack): boolean {
    const { waiting, limits } = this.#options;
    if (needs === undefined) return false;
    limits.learnNeeds(call.definition, needs);
    call.require(needs);
    if (code !== NackCode.FULL || call.within !== undefined) return false;
    member.resources.refused({ needs, free, pauseMs: retryAfterMs, reopened: () => waiting.drain() });
    return call.waitsForResources;
  }

  /** The connection to the member has ended under the call. */
  lost(call: Call, member: Member | undefined, { error, started }: CallLoss): void {
    const { counts, waiting, supply } = this.#options;
    if (!started) {
      counts.redirected += 1;
      call.unsent();
      if (call.refusals !== undefined) call.refusals.awaitsReplacement = true; // as one that nobody has refused does
      const reason = error ?? new WorkerLostError("its connection ended", { uid: call.lastUid });
      if (call.offer?.refused(reason) !== true) waiting.restore(call);
      return;
    }
    if (member === undefined) {
      call.fail(error ?? new WorkerLostError("its connection ended", { uid: call.lastUid }));
      return;
    }
    const { leaving } = member;
    supply.describeLoss(member).then(
      (worker) => {
        const reason = lossReason(leaving, worker);
        call.fail(
          new WorkerLostError(explainLoss(call, worker, { error, reason }), worker, {
            reason,
            ...(error === undefined ? {} : { cause: error }),
          }),
        );
      },
      (failure: unknown) => call.fail(failure),
    );
  }

  /** An import has failed on a member. Tells whether another worker takes its place; the first time, notes it for the calls there are. */
  #isReplaced(member: Member, { definition }: Call): boolean {
    const { supply, active } = this.#options;
    if (!supply.importFailed(member)) return false;
    let modules = this.#failedImports.get(member);
    if (modules === undefined) {
      modules = new Set();
      this.#failedImports.set(member, modules);
    }
    if (modules.has(definition.module)) return true;
    modules.add(definition.module);
    active.noteFailedImport(definition.module);
    return true;
  }

  #causeOf({ code, exception }: Nack): unknown {
    // A foreign worker may have put there what is not ours to read.
    if (code !== NackCode.IMPORT_FAILED || exception === undefined) return undefined;
    try {
      const payload = { bytes: exception, start: 0, end: exception.length, parts: NO_PARTS };
      return decodeValue(payload, { references: this.#options.references, source: NETWORK });
    } catch {
      return undefined; // the reason says what there is to say
    }
  }

  /**
   * Nobody else may take it. One that is full is asked again, unless that may be for what the call's own task has
   * there.
   */
  #refusedByOnly(call: Call, nack: Nack, cause: unknown): void {
    if (nack.code === NackCode.FULL && (nack.limit === undefined || !call.nested)) {
      call.unsent();
      this.#retriesOfOnly.add(call, nack.retryAfterMs);
    } else call.fail(refusalError(call.routine, nack, cause));
  }

  /** Finds another member for a call that one has refused. */
  #redirect(call: Call, nack: Nack, cause: unknown): void {
    const { counts, placement, waiting, bound } = this.#options;
    counts.redirected += 1;
    call.unsent();
    if (call.offer?.refused(refusalError(call.routine, nack, cause)) === true) return; // the balancer names the next
    const verdict = placement.place(call);
    const full = nack.code === NackCode.FULL && !call.nested && !placement.untried(call, "ready");
    // Where everybody is busy with others' calls: again in a moment.
    if (verdict !== "wait" || !full) waiting.keep(call, verdict);
    else if (bound.admitsRefused(call)) this.#retries.add(call, nack.retryAfterMs);
  }
}

/** Whether a root call is refused since as many bodies of its routine run as may. */
function isLimited({ nested }: Call, { code, limit }: Nack): boolean {
  return limit !== undefined && code === NackCode.FULL && !nested;
}

/**
 * What becomes of a call whose worker has not answered it. One that was provably not started, since it was refused or
 * its Task never left, goes to the next candidate, except that a refusal which `failure-policy.ts` marks `surface`
 * settles it with an error at once. Any other call is settled with an error too. It settles no call that may still be
 * running.
 */
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import type { Nack } from "../../wire/frames.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Call, CallLoss } from "../call/call.ts";
import { noTakerError, refusalError } from "../call/refusal-record.ts";
import { classifyRefusal, FAILURE_POLICY } from "../members/failure-policy.ts";
import type { Member } from "../members/member.ts";
import type { MemberSupply } from "../members/member-supply.ts";
import type { Members, Placement } from "../placement/placement.ts";
import { RetryQueue } from "../waiting/retry-queue.ts";
import type { WaitingCalls } from "../waiting/waiting-calls.ts";
import type { DispatchCounts } from "./dispatch-counts.ts";

/** The parts with which another worker is found for a call. */
export interface RefusedCallsOptions {
  readonly members: Members;
  readonly placement: Placement;
  readonly waiting: WaitingCalls;
  readonly supply: Pick<MemberSupply, "describeLoss">;
  /** `redirected` is counted here. */
  readonly counts: DispatchCounts;
}

/** Handles the calls that their workers have not answered. */
export class RefusedCalls {
  readonly #options: RefusedCallsOptions;
  readonly #retries: RetryQueue;

  constructor(options: RefusedCallsOptions) {
    this.#options = options;
    this.#retries = new RetryQueue(options);
  }

  /** Calls that wait to be offered again to workers that are all full. */
  get waiting(): number {
    return this.#retries.size;
  }

  /** The worker that the call was last sent to has refused it. */
  refused(call: Call, nack: Nack): void {
    const failure = classifyRefusal(nack.code);
    const measure = FAILURE_POLICY[failure];
    if (measure.call === "surface") {
      call.fail(refusalError(call.routine, nack));
      return;
    }
    const { members } = this.#options;
    const member = members.get(call.lastUid);
    if (member !== undefined) {
      // A worker's GoAway says the same; without this line, a worker that sends none would be asked again and again.
      if (failure === "refused-draining") member.startDraining();
      if (measure.member === "version" || measure.member === "codec") {
        members.evict(member, measure.member, nack.reason);
      }
    }
    call.noteRefusal(nack);
    this.#redirect(call, nack);
  }

  /** The connection to the member has ended under the call. */
  lost(call: Call, member: Member | undefined, { error, started }: CallLoss): void {
    const { counts, waiting, supply } = this.#options;
    if (!started) {
      counts.redirected += 1;
      call.unsent();
      const reason = error ?? new WorkerLostError("its connection ended", { uid: call.lastUid });
      if (call.offer?.refused(reason) !== true) waiting.addFirst(call);
      return;
    }
    if (member === undefined) {
      call.fail(error ?? new WorkerLostError("its connection ended", { uid: call.lastUid }));
      return;
    }
    supply.describeLoss(member).then(
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

  /** Finds another member for a call that one has refused. */
  #redirect(call: Call, nack: Nack): void {
    const { counts, members, placement, waiting } = this.#options;
    counts.redirected += 1;
    call.unsent();
    if (call.offer?.refused(refusalError(call.routine, nack)) === true) return; // the balancer names the next
    const verdict = placement.place(call);
    if (verdict !== "wait") {
      waiting.keep(call, verdict);
    } else if (nack.code === NackCode.FULL && !call.nested && !placement.untried(call, "ready")) {
      this.#retries.add(call, nack.retryAfterMs); // everybody is busy with others' calls: again in a moment
    } else if (placement.untried(call, "all")) {
      waiting.addRefused(call); // a member without room, or one that is still connecting
    } else if (nack.code === NackCode.DRAINING && !call.nested) {
      // A nested call would be sent to the same worker again, draining or not, and so without end.
      call.refusals?.forgive(); // a replacement may be on its way; the wait for it is bounded
      waiting.addFirst(call);
    } else {
      call.fail(noTakerError(call, members));
    }
  }
}

/**
 * Drives a balancer that has no fast path: offers a call to one worker after the other, as the balancer names
 * them, and tells it how each answered. Once a worker has accepted, nothing that the balancer does can end the
 * call. A call for which nobody is named any more is left to `waiting/waiting-calls.ts`.
 */
import type { Balancer, Candidate } from "../../balancer/balancer.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Call } from "../call/call.ts";
import type { Offer } from "../call/offer.ts";
import type { Member } from "../members/member.ts";

/** Sends a call to a member. */
export interface Sender {
  /** @returns False, and nothing has happened, if the member is not connected. */
  send(call: Call, member: Member): boolean;
}

/** Parts of a delegation. */
export interface DelegationOptions {
  readonly balancer: Balancer;
  readonly members: { get(uid: string): Member | undefined };
  readonly sender: Sender;
}

/** A worker's answer to an offer. Without either field: the call was settled meanwhile. */
interface Answer {
  readonly accepted: boolean;
  readonly error: Error | undefined;
}

/** The search of one balancer for a worker that takes one call. It begins at once. */
export class Delegation implements Offer {
  /** Resolves when the balancer has nothing more to say. */
  readonly finished: Promise<void>;
  readonly #call: Call;
  readonly #options: DelegationOptions;
  readonly #candidates: readonly DelegatedCandidate[];
  /** Takes the answer of the worker that has been offered the call; absent while none has. */
  #answer: ((answer: Answer) => void) | undefined;
  /** The balancer has named everybody it knows, and nobody has taken the call. */
  #exhausted = false;
  /** A worker that was offered the call has gone before it got it. */
  #lost = false;

  /** @param view The members that the balancer may name. */
  constructor(call: Call, view: readonly Member[], options: DelegationOptions) {
    this.#call = call;
    this.#options = options;
    this.#candidates = view.map((member) => new DelegatedCandidate(call, member));
    call.offer = this;
    this.finished = this.#drive().catch((error: unknown) => this.#failed(error));
  }

  /**
   * How the delegation ended, once it has finished. `sent`: some worker has the call, or it is settled.
   * `wait`: somebody may have room, or be back, in a moment. `none`: the balancer knows nobody who has not
   * refused it.
   */
  get outcome(): "sent" | "wait" | "none" {
    if (!this.#exhausted) return "sent";
    const { refusals } = this.#call;
    const busy = this.#candidates.some(({ uid, room }) => !room && refusals?.has(uid) !== true);
    return busy || this.#lost ? "wait" : "none";
  }

  accepted(): void {
    this.#tell({ accepted: true, error: undefined });
  }

  refused(error: Error): boolean {
    return this.#tell({ accepted: false, error });
  }

  settled(): void {
    this.#tell({ accepted: false, error: undefined });
  }

  #tell(answer: Answer): boolean {
    const take = this.#answer;
    this.#answer = undefined;
    take?.(answer);
    return take !== undefined;
  }

  async #drive(): Promise<void> {
    const call = this.#call;
    const { balancer, members, sender } = this.#options;
    const generator = balancer.delegate(call, this.#candidates);
    try {
      let step = await generator.next();
      while (!call.settled) {
        if (step.done === true) {
          this.#exhausted = true;
          return;
        }
        const uid = step.value;
        const member = members.get(uid);
        if (member?.ready !== true) {
          step = await generator.next();
          continue;
        }
        const answer = new Promise<Answer>((resolve) => {
          this.#answer = resolve;
        });
        sender.send(call, member);
        const { accepted, error } = await answer;
        if (accepted) {
          await generator.next(uid);
          return;
        }
        if (error === undefined) return; // settled meanwhile
        if (error instanceof WorkerLostError) this.#lost = true;
        step = await generator.throw(error);
      }
    } finally {
      if (!this.#exhausted) await generator.return();
    }
  }

  #failed(error: unknown): void {
    if (this.#call.phase === "queued") {
      this.#call.fail(error);
      return;
    }
    // Some worker has accepted: the call goes on, whatever the balancer does now.
    warn("MERINO_BALANCER_FAILED", `A balancer failed after a worker had accepted: ${errorText(error)}`);
  }
}

/** A member as the balancer sees it for one call, whatever other calls are placed while it thinks. */
class DelegatedCandidate implements Candidate {
  readonly #call: Call;
  readonly #member: Member;

  constructor(call: Call, member: Member) {
    this.#call = call;
    this.#member = member;
  }

  get uid(): string {
    return this.#member.uid;
  }

  get metadata(): WorkerMetadata {
    return this.#member.metadata;
  }

  get inFlight(): number {
    return this.#member.inFlight;
  }

  get room(): boolean {
    const { nested, estimate, large, limit } = this.#call;
    const member = this.#member;
    if (!member.ready) return false;
    return nested || (member.hasRoom(estimate.us, large) && limit?.hasRoom(member) !== false);
  }
}

/**
 * Drives a balancer that has no fast path: offers a call to one worker after the other, as the balancer names
 * them, and tells it how each answered. Once a worker has accepted, nothing that the balancer does can end the
 * call. A call for which nobody is named any more is left to `waiting/waiting-calls.ts`.
 */
import type { Balancer, Candidate } from "../../balancer/balancer.ts";
import { errorText } from "../../internal/error-text.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Call } from "../call/call.ts";
import type { Offer } from "../call/offer.ts";
import type { Member } from "../members/member.ts";

/** What a delegation asks of the placement that has begun it. */
export interface DelegationPlacement {
  /** @returns False, and nothing has happened, if the member is not connected. */
  send(call: Call, member: Member): boolean;
  /** The members that the call may be sent to now. */
  open(call: Call): readonly Member[];
}

/** Parts of a delegation. */
export interface DelegationOptions {
  readonly balancer: Balancer;
  readonly members: { get(uid: string): Member | undefined };
  readonly placement: DelegationPlacement;
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
  readonly #candidates: ReadonlyMap<string, DelegatedCandidate>;
  /** Takes the answer of the worker that has been offered the call; absent while none has. */
  #answer: ((answer: Answer) => void) | undefined;
  /** The balancer has named everybody it knows, and nobody has taken the call. */
  #exhausted = false;

  /** @param view The members that the balancer may name. */
  constructor(call: Call, view: readonly Member[], options: DelegationOptions) {
    this.#call = call;
    this.#options = options;
    this.#candidates = new Map(view.map((member) => [member.uid, new DelegatedCandidate(call, member)]));
    call.offer = this;
    this.finished = this.#drive().catch((error: unknown) => this.#failed(error));
  }

  /**
   * How the delegation ended, once it has finished. `sent`: some worker has the call, or it is settled.
   * `again`: somebody has room whom the balancer could not know to have it. `wait`: somebody may have room, or be back, in
   * a moment. `none`: the balancer knows nobody who has not refused it.
   */
  get outcome(): "sent" | "again" | "wait" | "none" {
    if (!this.#exhausted) return "sent";
    const { refusals } = this.#call;
    const open = this.#options.placement.open(this.#call);
    if (open.some(({ uid }) => this.#candidates.get(uid)?.passedOver !== false)) return "again";
    for (const { uid, room, passedOver } of this.#candidates.values()) {
      if ((passedOver || !room) && refusals?.has(uid) !== true) return "wait";
    }
    return "none";
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
    const { balancer, members, placement } = this.#options;
    const generator = balancer.delegate(call, [...this.#candidates.values()]);
    try {
      let step = await generator.next();
      while (!call.settled) {
        if (step.done === true) {
          this.#exhausted = true;
          return;
        }
        const uid = step.value;
        const member = members.get(uid);
        const candidate = this.#candidates.get(uid);
        if (member?.ready !== true) {
          if (candidate !== undefined) candidate.passedOver = true;
          step = await generator.next();
          continue;
        }
        const answer = new Promise<Answer>((resolve) => {
          this.#answer = resolve;
        });
        placement.send(call, member);
        const { accepted, error } = await answer;
        if (accepted) {
          await generator.next(uid);
          return;
        }
        if (error === undefined) return; // settled meanwhile
        if (candidate !== undefined) candidate.passedOver = true;
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
  /** Whether the balancer has seen it without room, or gone, or has been told that it did not take the call. */
  passedOver = false;
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
    const { nested, roomUs, large, limit, needs } = this.#call;
    const member = this.#member;
    const room =
      member.ready &&
      (nested ||
        (member.hasRoom(roomUs, large) &&
          limit?.hasRoom(member) !== false &&
          (needs === undefined || member.resources.hasRoom(needs))));
    if (!room) this.passedOver = true;
    return room;
  }
}

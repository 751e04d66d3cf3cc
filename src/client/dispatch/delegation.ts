/**
 * Drives a balancer that has no fast path: offers a call to one worker after the other, as the balancer names
 * them, and tells it what each made of the offer. Once a worker has accepted, nothing that the balancer does
 * can end the call.
 */

import type { Balancer, Candidate } from "../../balancer/balancer.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { warn } from "../../internal/warn.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Call } from "../call/call.ts";
import type { Member } from "../members/member.ts";

/** What a delegation does with the call it has been given. */
export interface DelegationOptions {
  readonly balancer: Balancer;
  /** The member with this uid, if it is one. */
  readonly member: (uid: string) => Member | undefined;
  readonly send: (call: Call, member: Member) => void;
  /** The balancer knows nobody for now, but somebody may have room, or be back, in a moment. */
  readonly wait: (call: Call) => void;
  /** The balancer knows nobody who has not refused the call. */
  readonly giveUp: (call: Call) => void;
}

/** Finds the call a worker, step by step. It ends up sent, waiting or failed; the errors of a balancer fail it. */
export function delegateCall(call: Call, view: readonly Member[], options: DelegationOptions): void {
  drive(call, view, options).catch((error: unknown) => {
    if (call.phase === "queued") {
      call.fail(error);
      return;
    }
    // Some worker has accepted: the call goes on, whatever the balancer makes of that.
    warn("MERINO_BALANCER_FAILED", `A balancer failed after a worker had accepted: ${errorText(error)}`);
  });
}

async function drive(call: Call, view: readonly Member[], options: DelegationOptions): Promise<void> {
  const candidates = view.map((member) => new DelegatedCandidate(call, member));
  const generator = options.balancer.delegate(call, candidates);
  let lost = false;
  try {
    let step = await generator.next();
    while (!call.settled) {
      if (step.done === true) {
        const busy = call.refusals?.stand !== true && candidates.some(({ room }) => !room);
        if (busy || lost) options.wait(call);
        else options.giveUp(call);
        return;
      }
      const uid = step.value;
      const member = options.member(uid);
      if (member?.ready !== true) {
        step = await generator.next();
        continue;
      }
      const outcome = new Promise<{ accepted: boolean; error: Error | undefined }>((resolve) => {
        call.onOutcome = (accepted, error) => resolve({ accepted, error });
      });
      options.send(call, member);
      const { accepted, error } = await outcome;
      if (accepted) {
        await generator.next(uid);
        return;
      }
      if (error === undefined) return; // settled meanwhile
      if (error instanceof WorkerLostError) lost = true;
      step = await generator.throw(error);
    }
  } finally {
    await generator.return();
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
    const { nested, estimate } = this.#call;
    return this.#member.ready && (nested || this.#member.hasRoom(estimate.us));
  }
}

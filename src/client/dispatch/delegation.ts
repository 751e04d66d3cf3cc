/**
 * Drives a balancer that has no fast path: offers a task to one worker after the other, as the balancer names
 * them, and tells it what each made of the offer. Once a worker has accepted, nothing that the balancer does
 * can end the call.
 */
import type { Balancer, Candidate } from "../../balancer/balancer.ts";
import { WorkerLostError } from "../../errors/worker-lost-error.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { OutgoingTask } from "../call/outgoing-task.ts";
import type { Member } from "../members/member.ts";

/** What a delegation does with the task it has been given. */
export interface DelegationOptions {
  readonly balancer: Balancer;
  /** The member with this uid, if it is one. */
  readonly member: (uid: string) => Member | undefined;
  readonly send: (task: OutgoingTask, member: Member) => void;
  /** The balancer knows nobody for now, but somebody may have room, or be back, in a moment. */
  readonly wait: (task: OutgoingTask) => void;
  /** The balancer knows nobody who has not refused the task. */
  readonly giveUp: (task: OutgoingTask) => void;
}

/** Finds the task a worker, step by step. It ends up sent, waiting or failed; the errors of a balancer fail it. */
export function delegateTask(task: OutgoingTask, view: readonly Member[], options: DelegationOptions): void {
  drive(task, view, options).catch((error: unknown) => {
    if (task.phase === "queued") {
      task.fail(error);
      return;
    }
    // Some worker has the task: the call goes on, whatever the balancer makes of that.
    process.emitWarning(`A balancer failed after a worker had accepted: ${String(error)}`, {
      type: "MerinoWarning",
      code: "MERINO_BALANCER_FAILED",
    });
  });
}

async function drive(task: OutgoingTask, view: readonly Member[], options: DelegationOptions): Promise<void> {
  const candidates = view.map((member) => new DelegatedCandidate(task, member));
  const generator = options.balancer.delegate(task, candidates);
  let lost = false;
  try {
    let step = await generator.next();
    while (!task.settled) {
      if (step.done === true) {
        const busy = task.refusals?.stand !== true && candidates.some(({ room }) => !room);
        if (busy || lost) options.wait(task);
        else options.giveUp(task);
        return;
      }
      const uid = step.value;
      const member = options.member(uid);
      if (member?.ready !== true) {
        step = await generator.next();
        continue;
      }
      const outcome = new Promise<{ accepted: boolean; error: Error | undefined }>((resolve) => {
        task.onOutcome = (accepted, error) => resolve({ accepted, error });
      });
      options.send(task, member);
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
  readonly #task: OutgoingTask;
  readonly #member: Member;

  constructor(task: OutgoingTask, member: Member) {
    this.#task = task;
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
    const { nested, estimate } = this.#task;
    return this.#member.ready && (nested || this.#member.hasRoom(estimate.us));
  }
}

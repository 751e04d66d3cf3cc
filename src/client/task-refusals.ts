/**
 * What workers have said to one task that they would not take: who has been asked, and what becomes of the
 * call if nobody is left to ask. Where the task goes next is decided elsewhere. Each worker has one entry,
 * however often it has refused.
 */
import {
  NoWorkersAvailableError,
  type Refusal as WorkerRefusal,
} from "../errors/no-workers-available-error.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { RoutineNotFoundError } from "../errors/routine-not-found-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { Nack } from "../wire/frames.ts";
import { Refusal, refusalName } from "../wire/refusal.ts";

/** The refusals of one task that say nothing about the call itself. */
export class TaskRefusals {
  #reasons: readonly WorkerRefusal[] = [];
  /** Workers not to be asked again for now. */
  readonly #standing = new Set<string>();
  /** Whether every refusal so far was for want of the routine, and what the last such one said. */
  #onlyUnknown = true;
  #unknownReason: string | undefined;

  /** Whether any worker is not to be asked again for now. */
  get stand(): boolean {
    return this.#standing.size > 0;
  }

  /** Whether this worker is not to be asked again for now. */
  has(uid: string): boolean {
    return this.#standing.has(uid);
  }

  add(uid: string, nack: Nack): void {
    this.#standing.add(uid);
    const reason = nack.code === Refusal.DRAINING ? "draining" : "refused";
    const refusal: WorkerRefusal = { uid, reason, detail: `${refusalName(nack.code)}: ${nack.reason}` };
    this.#reasons = [...this.#reasons.filter((earlier) => earlier.uid !== uid), refusal];
    if (nack.code === Refusal.UNKNOWN_ROUTINE) this.#unknownReason = nack.reason;
    else this.#onlyUnknown = false;
  }

  /** Lets every worker be asked again. What they have said so far is still told at the end. */
  forgive(): void {
    this.#standing.clear();
  }

  /** What the caller is told when nobody is left to ask. */
  toError(definition: RoutineDefinition): Error {
    if (!this.#onlyUnknown || this.#unknownReason === undefined)
      return new NoWorkersAvailableError(this.#reasons);
    const { id, declaredIn } = definition;
    const hint =
      declaredIn === undefined
        ? ""
        : ` (it is declared inside the function '${declaredIn}', which a worker does not call; move it to the top level of its module)`;
    return new RoutineNotFoundError(id, `${this.#unknownReason}${hint}`);
  }
}

/** One refusal, as an error. */
export function refusalError(routine: string, nack: Nack): Error {
  switch (nack.code) {
    case Refusal.BAD_PAYLOAD:
      return new PayloadError(`Cannot run '${routine}': ${nack.reason}`);
    case Refusal.UNKNOWN_ROUTINE:
      return new RoutineNotFoundError(routine, nack.reason);
    default:
      return new TaskRefusedError(
        refusalName(nack.code),
        `Cannot run '${routine}': the worker refused it (${refusalName(nack.code)}): ${nack.reason}`,
      );
  }
}

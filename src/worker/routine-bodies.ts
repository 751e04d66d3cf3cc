/**
 * Counts the bodies of each routine that has a limit, and refuses further ones: they never wait here, since another worker
 * may run them at once. A body has its place from when its task is accepted until it has come to its end, whatever has
 * become of its caller.
 */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { Nack } from "../wire/frames.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";

/** An execution as far as it counts. */
export interface LimitedExecution {
  /** Identity of the routine among whose bodies it has a place; written here only. */
  limited: string | undefined;
}

/** How long a refused caller is told to wait before it asks again, in milliseconds. */
const RETRY_AFTER_MS = 10;

/** The bodies of one worker. */
export class RoutineBodies {
  /** Of each routine with a limit that has any. */
  readonly #counts = new Map<string, number>();

  /** @returns The refusal of one more body; `undefined` if there is a place for it. */
  judge({ id, limit }: RoutineDefinition): Nack | undefined {
    if (limit === undefined || (this.#counts.get(id) ?? 0) < limit) return undefined;
    const reason = `the worker runs ${limit} of '${id}', as many as its limit allows`;
    return { ...createNack(NackCode.FULL, reason, RETRY_AFTER_MS), limit };
  }

  /** It takes a place, if its routine has a limit. */
  take(execution: LimitedExecution, { id, limit }: RoutineDefinition): void {
    if (limit === undefined || execution.limited !== undefined) return;
    execution.limited = id;
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  /** It gives its place back, if it has one. */
  release(execution: LimitedExecution): void {
    const { limited } = execution;
    if (limited === undefined) return;
    execution.limited = undefined;
    const count = (this.#counts.get(limited) ?? 0) - 1;
    if (count > 0) this.#counts.set(limited, count);
    else this.#counts.delete(limited);
  }
}

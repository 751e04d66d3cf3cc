/**
 * Which tokens of a branch can still be used, as far as they have left their process: a branch goes on in other
 * processes, where its tokens may be used as well, but each once in all. A token that never travels costs nothing here.
 */
import { randomUUID } from "node:crypto";
import { processWide } from "../../internal/process-wide.ts";

/** Ids by which one branch is known: one, unless several processes had to name it at the same time. */
const MAX_IDS = 16;

/** Used tokens that are remembered, of those that have travelled. */
const MAX_SPENT = 64;

/** An id that no other process gives out. */
export function uniqueId(): string {
  const serial = processWide("context.serial", () => ({ prefix: randomUUID(), next: 1 }));
  return `${serial.prefix}:${serial.next++}`;
}

/** No ids: the same list for all branches, so that it is seen at a glance that nothing has changed. */
export const NO_IDS: readonly string[] = [];

/** The tokens of one branch. */
export class BranchTokens {
  #ids: readonly string[] = NO_IDS;
  #spent: readonly string[] = NO_IDS;

  /** Ids under which other processes may know the branch; none before one of its tokens has travelled. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Ids of those that have been used, of those that have travelled; the last used is the last. Changes make a new list. */
  get spent(): readonly string[] {
    return this.#spent;
  }

  /** The id of the branch, which it has from now on. */
  name(): string {
    const [id = uniqueId()] = this.#ids;
    this.know([id]);
    return id;
  }

  /** Another process knows the branch by these. */
  know(ids: readonly string[]): void {
    const unknown = ids.filter((id) => !this.#ids.includes(id));
    if (unknown.length > 0) this.#ids = [...this.#ids, ...unknown].slice(0, MAX_IDS);
  }

  /** These have been used. */
  spend(ids: readonly string[]): void {
    const unknown = ids.filter((id) => !this.#spent.includes(id));
    if (unknown.length > 0) this.#spent = [...this.#spent, ...unknown].slice(-MAX_SPENT);
  }
}

/**
 * The items of a kept stream for a reader that has a branch of its own for them, as the caller would have one if it passed
 * them on: what the reader has changed of the context variables goes to the source with its next step and with no other, and
 * what a step has changed comes with its item. Both branches begin with the same.
 */
import { AsyncResource } from "node:async_hooks";
import { hasContext } from "../../context/scope.ts";
import type { Binding, Bindings } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { currentBranch } from "../../context/variables/current-branch.ts";
import { variableTraits } from "../../context/variables/variable-registry.ts";
import { warnOfRace } from "../../session/context/take-changes.ts";

/** Of one stream; whoever reads them does so in the branch of the reader. */
export class BranchedItems implements AsyncIterableIterator<unknown> {
  readonly #items: AsyncIterator<unknown>;
  readonly #source: Branch;
  readonly #routine: string;
  /** Outside of the branch of the reader: what the source runs in is its own affair. */
  readonly #surroundings = new AsyncResource("MerinoFlow");
  /** What each branch was when the other one was last told. */
  #told: { readonly source: Bindings; readonly reader: Bindings };

  /** @param source The branch in which the items are made. @param routine Identity of the routine that makes them. */
  constructor(items: AsyncIterable<unknown>, source: Branch, routine: string) {
    this.#items = items[Symbol.asyncIterator]();
    this.#source = source;
    this.#routine = routine;
    const { bindings } = source;
    this.#told = { source: bindings, reader: bindings };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return hasContext() ? this.#step(currentBranch()) : this.#next();
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#follow(currentBranch());
    await this.#surroundings.runInAsyncScope(() => this.#items.return?.());
    return { value: undefined, done: true };
  }

  async #step(reader: Branch): Promise<IteratorResult<unknown>> {
    this.#follow(reader);
    try {
      return await this.#next();
    } finally {
      this.#merge(reader);
    }
  }

  #next(): Promise<IteratorResult<unknown>> {
    return this.#surroundings.runInAsyncScope(this.#items.next, this.#items);
  }

  /** The source goes on with what the reader has changed. */
  #follow({ bindings }: Branch): void {
    const { source, reader } = this.#told;
    if (bindings === reader) return;
    const changes = changesBetween(reader, bindings);
    this.#source.bindings = changed(this.#source.bindings, changes);
    this.#told = { source: changed(source, changes), reader: bindings };
  }

  /** The reader's branch takes over what the source has changed, as that of a caller does. */
  #merge(branch: Branch): void {
    const { source, reader } = this.#told;
    const { bindings } = this.#source;
    if (bindings === source) return;
    const changes = changesBetween(source, bindings).filter(([id]) => variableTraits(id)?.back !== false);
    for (const [id] of changes) {
      const present = branch.bindings.get(id);
      if (present !== reader.get(id)) warnOfRace(id, present, this.#routine);
    }
    branch.bindings = changed(branch.bindings, changes);
    this.#told = { source: bindings, reader: changed(reader, changes) };
  }
}

/** Variables, and what they have now. */
type Changes = readonly (readonly [id: string, binding: Binding | undefined])[];

function changesBetween(before: Bindings, now: Bindings): Changes {
  const set = [...now].filter(([id, binding]) => before.get(id) !== binding);
  const unset = [...before.keys()].filter((id) => !now.has(id)).map((id) => [id, undefined] as const);
  return [...set, ...unset];
}

function changed(bindings: Bindings, changes: Changes): Bindings {
  if (changes.length === 0) return bindings;
  const after = new Map(bindings);
  for (const [id, binding] of changes) {
    if (binding === undefined) after.delete(id);
    else after.set(id, binding);
  }
  return after;
}

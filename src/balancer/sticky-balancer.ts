/**
 * The same worker for the same tag: for workers that keep something warm, a cache, a model, an open file.
 *
 * The choice follows from the tag and the uids alone (rendezvous hashing), so every caller makes the same one
 * without asking, and when a worker comes or goes only its own share of the tags moves.
 */
import type { BalancedTask, Balancer, Candidate, CandidateIndex } from "./balancer.ts";
import { LeastBusyBalancer } from "./least-busy-balancer.ts";

/** Tags whose choice is remembered for one view. Beyond it they are worked out anew. */
const MAX_REMEMBERED = 10_000;

/**
 * Offers a task to the worker that its `tag` belongs to, and waits for that one while it has no room; after a
 * failure, to the one that the tag would belong to without it. Calls without a tag go to the least busy.
 *
 * @example
 * await using pool = await WorkerPool.open({ size: 4, balancer: new StickyBalancer() });
 * await add.with({ tag: "customer-17" })(1, 2);
 */
export class StickyBalancer implements Balancer {
  readonly descriptor: { readonly kind: "sticky" } = { kind: "sticky" };
  readonly #untagged = new LeastBusyBalancer();
  /** Index by tag, for views that never change. */
  readonly #remembered = new WeakMap<readonly Candidate[], Map<string, number>>();

  /** @returns Index of the tag's worker, whether it has room or not; −1 if there is none. Without a tag as {@link LeastBusyBalancer.pick}. */
  pick(task: BalancedTask, view: readonly Candidate[], order?: CandidateIndex): number {
    const { tag } = task;
    if (tag === undefined) return this.#untagged.pick(task, view, order);
    if (order === undefined) return heaviest(tag, view, undefined);
    let known = this.#remembered.get(view);
    if (known === undefined) {
      known = new Map();
      this.#remembered.set(view, known);
    }
    let index = known.get(tag);
    if (index === undefined) {
      index = heaviest(tag, view, undefined);
      if (known.size < MAX_REMEMBERED) known.set(tag, index);
    }
    return index;
  }

  *delegate(task: BalancedTask, view: readonly Candidate[]): Generator<string, void, string | undefined> {
    const { tag } = task;
    if (tag === undefined) {
      yield* this.#untagged.delegate(task, view);
      return;
    }
    const tried = new Set<string>();
    for (;;) {
      const candidate = view[heaviest(tag, view, tried)];
      if (candidate === undefined) return;
      tried.add(candidate.uid);
      try {
        if ((yield candidate.uid) !== undefined) return;
      } catch {
        // That worker could not take the task; its error is the driver's to keep. The next one is named.
      }
    }
  }
}

/** Index of the candidate that weighs most for the tag; −1 if there is none. */
function heaviest(tag: string, view: readonly Candidate[], tried: ReadonlySet<string> | undefined): number {
  const seed = hash(tag, 0x811c9dc5);
  let best = -1;
  let bestWeight = -1;
  let bestUid = "";
  for (const [index, { uid }] of view.entries()) {
    if (tried?.has(uid) === true) continue;
    const weight = mix(hash(uid, seed));
    // Equal weights are decided by the uids: the order of the view is not the same for every caller.
    if (weight > bestWeight || (weight === bestWeight && uid < bestUid)) {
      best = index;
      bestWeight = weight;
      bestUid = uid;
    }
  }
  return best;
}

/** FNV-1a over the text's code units, from a seed. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** Spreads the last characters over all bits; FNV alone leaves similar uids in one order for most tags. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The watches of one kind of discovery in this process: one per thing watched, whoever subscribes, while anybody does. */
import { processWide } from "../internal/process-wide.ts";
import { SharedWatch, type WatchSource } from "./shared-watch.ts";

/** Watches by what they look for. */
export class SharedWatches {
  readonly #watches: Map<string, SharedWatch>;

  /** @param kind Shared by every copy of the package in this process, for example `"local"`. */
  constructor(kind: string) {
    this.#watches = processWide(`${kind}-watches`, () => new Map<string, SharedWatch>());
  }

  /**
   * The watch for `key`; one that has ended is made anew.
   *
   * @param key Equal for equal things to watch.
   * @param source Runs while somebody subscribes; of two subscriptions with the same key, the first one's is used.
   */
  get(key: string, source: WatchSource): SharedWatch {
    const present = this.#watches.get(key);
    if (present !== undefined) return present;
    let runs = 0;
    const created = new SharedWatch(async (report, signal, requests) => {
      runs += 1;
      try {
        await source(report, signal, requests);
      } finally {
        runs -= 1;
        // A run may have begun while this one was closing; the last one forgets the watch.
        if (runs === 0 && this.#watches.get(key) === created) this.#watches.delete(key);
      }
    });
    this.#watches.set(key, created);
    return created;
  }

  /** The watches that somebody uses and whose keys are meant. */
  findAll(isMeant: (key: string) => boolean): readonly SharedWatch[] {
    return [...this.#watches].flatMap(([key, watch]) => (isMeant(key) ? [watch] : []));
  }
}

/**
 * Turns a stream of changes into the changes that a filtered subscriber sees. Pure, except that it remembers the
 * last record that passed, per uid.
 */
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "./discovery.ts";

/**
 * Translates changes of all workers into changes of those that pass a filter.
 *
 * A worker that starts passing is reported as added, one that stops as dropped (with the last record that
 * passed), one that never passed not at all. A repeated added becomes an update.
 *
 * @example
 * const gpuWorkers = new FilterTransitions(({ tags }) => tags.includes("gpu"));
 * gpuWorkers.translate({ type: "worker-updated", worker: nowTaggedGpu }); // => { type: "worker-added", … }
 */
export class FilterTransitions {
  readonly #filter: (worker: WorkerMetadata) => boolean;
  readonly #passing = new Map<string, WorkerMetadata>();

  /** @param filter Which workers to report; all of them if absent. */
  constructor(filter: (worker: WorkerMetadata) => boolean = () => true) {
    this.#filter = filter;
  }

  /** Whether the worker has been reported and not been reported as dropped since. */
  isReported(uid: string): boolean {
    return this.#passing.has(uid);
  }

  /** Returns the event to report, or undefined. An error of the filter is thrown on. */
  translate(event: DiscoveryEvent): DiscoveryEvent | undefined {
    const { type, worker } = event;
    if (type === "worker-dropped") return this.#passing.delete(worker.uid) ? event : undefined;
    const previous = this.#passing.get(worker.uid);
    if (this.#filter(worker)) {
      this.#passing.set(worker.uid, worker);
      return { type: previous === undefined ? "worker-added" : "worker-updated", worker };
    }
    this.#passing.delete(worker.uid);
    return previous === undefined ? undefined : { type: "worker-dropped", worker: previous };
  }
}

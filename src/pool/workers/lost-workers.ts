/** What is known of the last workers of a place that have ended, for those who ask about them. */
import type { LostWorker } from "../../errors/worker-lost-error.ts";

/** So many can still be asked about. */
const MAX_LOSSES = 4;

/** Workers that have ended, by uid. */
export class LostWorkers {
  readonly #losses = new Map<string, LostWorker>();

  get(uid: string): LostWorker | undefined {
    return this.#losses.get(uid);
  }

  add(uid: string, loss: LostWorker): void {
    this.#losses.set(uid, loss);
    const oldest = this.#losses.keys().next();
    if (this.#losses.size > MAX_LOSSES && oldest.done !== true) this.#losses.delete(oldest.value);
  }
}

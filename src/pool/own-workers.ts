/**
 * The workers that a pool spawns: a fixed number of places, each with a worker in it or one on its way. Starts and
 * ends them and answers questions about them; `worker-pool.ts` makes them members and announces them.
 */
import type { Suspicion } from "../client/membership/member-supply.ts";
import type { LostWorker } from "../errors/worker-lost-error.ts";
import { createDeferred } from "../internal/deferred.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { ProgramState } from "../process/launch/program-state.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import type { Retirement } from "./pool-worker.ts";
import { WorkerSlot, type WorkerSlotOptions } from "./worker-slot.ts";

/** How many workers, and the pool as each place sees it. */
export interface OwnWorkersOptions
  extends Omit<WorkerSlotOptions, "entry" | "program" | "unresponsive" | "importFailed"> {
  readonly size: number;
  /** The id under which a worker knows the pool's connection; `undefined` while there is none. */
  readonly connectionTo: (uid: string) => ConnectionId | undefined;
}

/** How long to wait for connections to workers that serve; calls wait for them in any case. */
const CONNECTED_TIMEOUT_MS = 2_000;

/** A pool's own workers. */
export class OwnWorkers {
  readonly #options: OwnWorkersOptions;
  readonly #slots: WorkerSlot[] = [];
  readonly #connected = new Set<string>();
  readonly #allConnected = createDeferred();

  constructor(options: OwnWorkersOptions) {
    this.#options = options;
  }

  /**
   * Starts a worker in every place. Resolves when each is ready or has failed; never rejects.
   *
   * @param entry URL of the program's entry module, if it has one.
   * @param program What they take over, and those that replace them.
   * @returns Why some did not come up.
   */
  async start(entry: string | undefined, program: ProgramState): Promise<readonly unknown[]> {
    const { size, connectionTo: _, ...options } = this.#options;
    for (let n = 0; n < size; n += 1) {
      const reports = {
        unresponsive: (uid: string, suspicion: Suspicion) => this.kill(uid, suspicion),
        importFailed: (uid: string) => void this.replace(uid),
      };
      this.#slots.push(new WorkerSlot({ ...options, ...reports, entry, program }));
    }
    const started = await Promise.allSettled(this.#slots.map((slot) => slot.start()));
    return started.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  }

  /** Whether there is a worker, or will be one. A pool without any of its own waits for none. */
  get due(): boolean {
    const { respawn, size } = this.#options;
    return (respawn && size > 0) || this.#slots.some((slot) => slot.due);
  }

  /** The last error of the first place in which a start or a worker has failed. */
  get lastStartError(): Error | undefined {
    return this.#slots.find((slot) => slot.lastError !== undefined)?.lastError;
  }

  /** The known facts about the end of a worker; `undefined` if the pool never spawned it. */
  async describeLoss(uid: string): Promise<LostWorker | undefined> {
    for (const slot of this.#slots) {
      const loss = await slot.describe(uid);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }

  /** Kills a worker that a task blocks, so that it is replaced. One that is importing a module has its time for that. */
  kill(uid: string, suspicion: Suspicion): void {
    for (const slot of this.#slots) if (slot.kill(uid, suspicion)) return;
  }

  /**
   * Has another worker take the place of one in which an import has failed.
   *
   * @returns Whether there will be one; false for a worker that is not one of these.
   */
  replace(uid: string): boolean {
    return this.#slots.some((slot) => slot.replace(uid));
  }

  /** Notes that calls can be sent to a worker. */
  connected(uid: string): void {
    if (this.#slotOf(uid) === undefined) return;
    this.#connected.add(uid);
    if (this.#connected.size >= this.#options.size) this.#allConnected.resolve();
  }

  /** Waits until calls can be sent to all of them, so that the first ones spread; not for long. */
  async awaitConnections(): Promise<void> {
    if (this.#options.size === 0) return;
    keepAlive();
    const enough = deadlines.after(CONNECTED_TIMEOUT_MS, () => this.#allConnected.resolve());
    await this.#allConnected.promise;
    deadlines.cancel(enough);
    letExit();
  }

  /** Keeps the calls of others off a worker, or off all; one that is not connected yet is to be drained once it is. */
  drain(uid?: string): void {
    if (uid === undefined) {
      for (const slot of this.#slots) for (const worker of slot.uids) this.drain(worker);
      return;
    }
    const own = this.#options.connectionTo(uid);
    if (own !== undefined) this.#slotOf(uid)?.drain(uid, own);
  }

  /** Puts new workers in the places of all that serve or start; the old ones finish the calls that they have. */
  renew(retirement: Retirement): void {
    for (const slot of this.#slots) slot.renew(retirement);
  }

  /** Ends them for good. Resolves when their processes have gone. */
  async stop(killAfterMs: number): Promise<void> {
    this.#allConnected.resolve();
    await Promise.all(this.#slots.map((slot) => slot.stop(killAfterMs)));
  }

  #slotOf(uid: string): WorkerSlot | undefined {
    return this.#slots.find((slot) => slot.uids.includes(uid));
  }
}

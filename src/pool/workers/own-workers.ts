/**
 * The workers that a pool spawns: a fixed number of places, each with a worker in it or one on its way. Starts and
 * ends them and answers questions about them; `worker-pool.ts` makes them members and announces them.
 */
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import type { ProgramState } from "../../process/launch/program-state.ts";
import type { WorkerFactory } from "../../process/worker.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Retirement } from "./pool-worker.ts";
import type { PoolWorkers } from "./pool-workers.ts";
import { WorkerSlot, type WorkerSlotOptions } from "./worker-slot.ts";

/** How many workers, and the pool as each place sees it. */
export interface OwnWorkersOptions
  extends Omit<
    WorkerSlotOptions,
    "factory" | "entry" | "program" | "slot" | "unresponsive" | "importFailed"
  > {
  readonly size: number;
  /** Absent where there are none. */
  readonly factory: WorkerFactory | undefined;
  /** The id under which a worker knows the pool's connection; `undefined` while there is none. */
  readonly connectionTo: (uid: string) => ConnectionId | undefined;
}

/** How long to wait for connections to workers that serve; calls wait for them in any case. */
const CONNECTED_TIMEOUT_MS = 2_000;

/** A pool's own workers. */
export class OwnWorkers implements PoolWorkers {
  readonly #options: OwnWorkersOptions;
  readonly #slots: WorkerSlot[] = [];
  readonly #connected = new Set<string>();
  readonly #allConnected = createDeferred();

  constructor(options: OwnWorkersOptions) {
    this.#options = options;
  }

  prepare(): void {
    this.#options.factory?.prepare?.();
  }

  async start(entry: string | undefined, program: ProgramState): Promise<readonly unknown[]> {
    const { size, factory, connectionTo: _, ...options } = this.#options;
    if (factory === undefined) return [];
    for (let slot = 0; slot < size; slot += 1) {
      const reports = {
        unresponsive: (uid: string, suspicion: Suspicion) => this.kill(uid, suspicion),
        importFailed: (uid: string) => void this.replace(uid),
      };
      this.#slots.push(new WorkerSlot({ ...options, ...reports, factory, entry, program, slot }));
    }
    const started = await Promise.allSettled(this.#slots.map((slot) => slot.start()));
    return started.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  }

  readonly connect = ({ uid }: WorkerMetadata): Promise<Carrier> | undefined => {
    for (const slot of this.#slots) {
      const connecting = slot.connect(uid);
      if (connecting !== undefined) return connecting;
    }
    return undefined;
  };

  get due(): boolean {
    const { respawn, size } = this.#options;
    return (respawn && size > 0) || this.#slots.some((slot) => slot.due);
  }

  get lastStartError(): Error | undefined {
    return this.#slots.find((slot) => slot.lastError !== undefined)?.lastError;
  }

  async describeLoss(uid: string): Promise<LostWorker | undefined> {
    for (const slot of this.#slots) {
      const loss = await slot.describe(uid);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }

  kill(uid: string, suspicion: Suspicion): void {
    for (const slot of this.#slots) if (slot.kill(uid, suspicion)) return;
  }

  replace(uid: string): boolean {
    return this.#slots.some((slot) => slot.replace(uid));
  }

  connected(uid: string): void {
    if (this.#slotOf(uid) === undefined) return;
    this.#connected.add(uid);
    if (this.#connected.size >= this.#options.size) this.#allConnected.resolve();
  }

  async awaitConnections(): Promise<void> {
    if (this.#options.size === 0) return;
    keepAlive();
    const enough = deadlines.after(CONNECTED_TIMEOUT_MS, () => this.#allConnected.resolve());
    await this.#allConnected.promise;
    deadlines.cancel(enough);
    letExit();
  }

  drain(uid?: string): void {
    if (uid === undefined) {
      for (const slot of this.#slots) for (const worker of slot.uids) this.drain(worker);
      return;
    }
    const own = this.#options.connectionTo(uid);
    if (own !== undefined) this.#slotOf(uid)?.drain(uid, own);
  }

  renew(retirement: Retirement): void {
    for (const slot of this.#slots) slot.renew(retirement);
  }

  async stop(killAfterMs: number): Promise<void> {
    this.#allConnected.resolve();
    await Promise.all(this.#slots.map((slot) => slot.stop(killAfterMs)));
  }

  #slotOf(uid: string): WorkerSlot | undefined {
    return this.#slots.find((slot) => slot.uids.includes(uid));
  }
}

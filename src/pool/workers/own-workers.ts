/**
 * The workers that a pool spawns: so many places, each with a worker in it or one on its way. Starts and ends them, has
 * worn ones replaced in turn, and answers questions about them; `pool-life.ts` makes them members and announces them, and
 * `pool/size/` says how many places there are where that is not fixed.
 */
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import type { ProgramState } from "../../process/launch/program-state.ts";
import type { WantedReports, WorkerFactory, WorkerLoad } from "../../process/worker.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Retirement } from "./pool-worker.ts";
import type { PoolWorkers } from "./pool-workers.ts";
import { Recycling, type RecyclingOptions } from "./recycling.ts";
import { WorkerSlot } from "./worker-slot.ts";
import type { WorkerReport, WorkerSlotOptions } from "./worker-slot-options.ts";

/** How many workers, and the pool as each place sees it. */
export interface OwnWorkersOptions
  extends Omit<
    WorkerSlotOptions,
    | "factory"
    | "entry"
    | "program"
    | "slot"
    | "unresponsive"
    | "importFailed"
    | "reports"
    | "reported"
    | "left"
    | "isGrown"
  > {
  /** The most workers. */
  readonly size: number;
  /** Those that are started with the pool. Default: all. */
  readonly startSize?: number | undefined;
  /** When they are replaced. Default: never. */
  readonly recycle?: Pick<RecyclingOptions, "limits" | "retirement"> | undefined;
  /** How often they tell what they have to do, in milliseconds; default: never. */
  readonly loadEveryMs?: number | undefined;
  /** A worker tells what it has to do. */
  readonly loaded?: ((uid: string, load: WorkerLoad) => void) | undefined;
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
  /** The places, in the order of their numbers as far as none has been given up. */
  readonly #slots: WorkerSlot[] = [];
  /** Places that have been given up, whose workers have not ended. */
  readonly #vacated = new Set<WorkerSlot>();
  readonly #recycling: Recycling | undefined;
  readonly #connected = new Set<string>();
  readonly #allConnected = createDeferred();
  /** What places are made with, once the pool is opened. */
  #make: ((slot: number, isGrown: boolean) => WorkerSlot) | undefined;
  #stopping = false;

  constructor(options: OwnWorkersOptions) {
    this.#options = options;
    const { recycle } = options;
    if (recycle === undefined) return;
    this.#recycling = new Recycling({
      ...recycle,
      workers: () => ({
        total: this.#slots.length,
        serving: this.#slots.filter(({ serving }) => serving !== undefined).length,
      }),
      slotOf: (uid) => this.#slotOf(uid),
    });
  }

  prepare(): void {
    this.#options.factory?.prepare?.();
  }

  async start(entry: string | undefined, program: ProgramState): Promise<readonly unknown[]> {
    const { size, startSize = size, factory } = this.#options;
    if (factory === undefined) return [];
    this.#make = (slot, isGrown) => this.#makeSlot({ factory, entry, program, slot, isGrown });
    for (let slot = 0; slot < startSize; slot += 1) this.#slots.push(this.#make(slot, false));
    const started = await Promise.allSettled(this.#slots.map((slot) => slot.start()));
    return started.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  }

  readonly connect = ({ uid }: WorkerMetadata): Promise<Carrier> | undefined => {
    for (const slot of this.#all()) {
      const connecting = slot.connect(uid);
      if (connecting !== undefined) return connecting;
    }
    return undefined;
  };

  get size(): number {
    return this.#slots.length;
  }

  get recycled(): number {
    return this.#recycling?.recycled ?? 0;
  }

  get recyclingNow(): readonly string[] {
    return [...(this.#recycling?.active ?? [])];
  }

  get due(): boolean {
    const { respawn, size } = this.#options;
    if (respawn && size > 0) return true;
    return this.#slots.some((slot) => slot.due) || (this.#slots.length < size && !this.#stopping);
  }

  get lastStartError(): Error | undefined {
    return this.#slots.find((slot) => slot.lastError !== undefined)?.lastError;
  }

  async describeLoss(uid: string): Promise<LostWorker | undefined> {
    for (const slot of this.#all()) {
      const loss = await slot.describe(uid);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }

  kill(uid: string, suspicion: Suspicion): void {
    for (const slot of this.#all()) if (slot.kill(uid, suspicion)) return;
  }

  replace(uid: string): boolean {
    return this.#slots.some((slot) => slot.replace(uid));
  }

  connected(uid: string): void {
    const slot = this.#slotOf(uid);
    if (slot === undefined) return;
    slot.connected(uid);
    this.#recycling?.review();
    const { size, startSize = size } = this.#options;
    if (this.#connected.size >= startSize) return;
    this.#connected.add(uid);
    if (this.#connected.size >= startSize) this.#allConnected.resolve();
  }

  async awaitConnections(): Promise<void> {
    const { size, startSize = size } = this.#options;
    if (startSize === 0) return;
    keepAlive();
    const enough = deadlines.after(CONNECTED_TIMEOUT_MS, () => this.#allConnected.resolve());
    await this.#allConnected.promise;
    deadlines.cancel(enough);
    letExit();
  }

  grow(count: number): void {
    const { size } = this.#options;
    for (let more = count; more > 0 && !this.#stopping && this.#slots.length < size; more -= 1) {
      const slot = this.#make?.(this.#freeNumber(), true);
      if (slot === undefined) return;
      this.#slots.push(slot);
      slot.start().catch(() => {}); // it is tried again, and its error is that of the calls that wait
    }
  }

  shrink(count: number, isIdle: (uid: string) => boolean): number {
    // Those without a worker first, then the youngest.
    const idle = this.#slots.filter(({ serving }) => serving === undefined || isIdle(serving.uid));
    idle.sort((one, other) => Number(one.serving !== undefined) - Number(other.serving !== undefined));
    const vacated = [
      ...idle.filter(({ serving }) => serving === undefined),
      ...idle.filter(({ serving }) => serving !== undefined).reverse(),
    ].slice(0, count);
    for (const slot of vacated) {
      this.#slots.splice(this.#slots.indexOf(slot), 1);
      this.#vacated.add(slot);
      slot.vacate();
      this.#sweep();
    }
    return vacated.length;
  }

  drain(uid?: string): void {
    if (uid === undefined) {
      for (const slot of this.#all()) for (const worker of slot.uids) this.drain(worker);
      return;
    }
    const own = this.#options.connectionTo(uid);
    if (own !== undefined) this.#slotOf(uid)?.drain(uid, own);
  }

  renew(retirement: Retirement): void {
    for (const slot of this.#slots) slot.renew(retirement);
  }

  async stop(killAfterMs: number): Promise<void> {
    this.#stopping = true;
    this.#recycling?.end();
    this.#allConnected.resolve();
    await Promise.all(this.#all().map((slot) => slot.stop(killAfterMs)));
  }

  #makeSlot(
    place: Pick<WorkerSlotOptions, "factory" | "entry" | "program" | "slot" | "isGrown">,
  ): WorkerSlot {
    const { size: _, startSize: __, connectionTo: ___, recycle: ____, ...options } = this.#options;
    return new WorkerSlot({
      ...options,
      ...place,
      ready: (worker, hidden, how) => {
        this.#recycling?.began(worker.uid);
        options.ready(worker, hidden, how);
      },
      gone: (uid, metadata) => {
        options.gone(uid, metadata);
        this.#sweep();
      },
      unresponsive: (uid, suspicion) => this.kill(uid, suspicion),
      importFailed: (uid) => void this.replace(uid),
      reports: (uid) => this.#wantedOf(uid),
      reported: (uid, message) => this.#reported(uid, message),
      left: (uid) => this.#recycling?.left(uid),
    });
  }

  #wantedOf(uid: string): WantedReports | undefined {
    const { loadEveryMs } = this.#options;
    const wear = this.#recycling?.wearOf(uid);
    if (wear === undefined && loadEveryMs === undefined) return undefined;
    return { ...(wear !== undefined && { wear }), ...(loadEveryMs !== undefined && { loadEveryMs }) };
  }

  #reported(uid: string, message: WorkerReport): void {
    if (message.type === "merino:worn") this.#recycling?.worn(uid, message.limit, message.value);
    else this.#options.loaded?.(uid, message);
  }

  /** The lowest that no place has, also none whose worker has not ended. */
  #freeNumber(): number {
    const taken = new Set(this.#all().map(({ number }) => number));
    let number = 0;
    while (taken.has(number)) number += 1;
    return number;
  }

  /** Places that were given up are forgotten once their workers have ended. */
  #sweep(): void {
    for (const slot of this.#vacated) if (slot.uids.length === 0) this.#vacated.delete(slot);
  }

  #all(): readonly WorkerSlot[] {
    return this.#vacated.size === 0 ? this.#slots : [...this.#slots, ...this.#vacated];
  }

  #slotOf(uid: string): WorkerSlot | undefined {
    return this.#all().find((slot) => slot.uids.includes(uid));
  }
}

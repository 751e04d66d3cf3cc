/** The port between a pool and its own workers, whether these are processes or in the program itself. Types only. */
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import type { ProgramState } from "../../process/launch/program-state.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Retirement } from "./pool-worker.ts";

/** A pool's own workers. */
export interface PoolWorkers {
  /** Connects to one of them; `undefined` if it is reached as others are. */
  readonly connect: (worker: WorkerMetadata) => Promise<Carrier> | undefined;
  /** Whether there is a worker, or will be one. A pool without any of its own waits for none. */
  readonly due: boolean;
  /** The last error of the first place in which a start or a worker has failed. */
  readonly lastStartError: Error | undefined;
  /** Places that there are now, each with a worker or one on its way. */
  readonly size: number;
  /** Workers that have been replaced since they were worn. */
  readonly recycled: number;
  /** Workers that are being replaced since they are worn, by uid. */
  readonly recyclingNow: readonly string[];
  /** Begins what takes time and starts none of them. */
  prepare(): void;
  /**
   * Starts them. Resolves when each is ready or has failed; never rejects.
   *
   * @param entry URL of the program's entry module, if it has one.
   * @param program What they take over, and those that replace them.
   * @returns Why some did not come up.
   */
  start(entry: string | undefined, program: ProgramState): Promise<readonly unknown[]>;
  /** The known facts about the end of a worker; `undefined` if the pool never spawned it. */
  describeLoss(uid: string): Promise<LostWorker | undefined>;
  /** Kills a worker that a task blocks, so that it is replaced. One that is importing a module has its time for that. */
  kill(uid: string, suspicion: Suspicion): void;
  /**
   * Has another worker take the place of one in which an import has failed.
   *
   * @returns Whether there will be one; false for a worker that is not one of these.
   */
  replace(uid: string): boolean;
  /** Notes that calls can be sent to a worker. */
  connected(uid: string): void;
  /** Waits until calls can be sent to all of them, so that the first ones spread; not for long. */
  awaitConnections(): Promise<void>;
  /** Keeps the calls of others off a worker, or off all; one that is not connected yet is to be drained once it is. */
  drain(uid?: string): void;
  /** Puts new workers in the places of all that serve or start; the old ones finish the calls that they have. */
  renew(retirement: Retirement): void;
  /** Starts so many more, and does not wait for them. */
  grow(count: number): void;
  /**
   * Ends so many at most, of those that have no calls.
   *
   * @returns How many.
   */
  shrink(count: number, isIdle: (uid: string) => boolean): number;
  /** Ends them for good. Resolves when they have gone. */
  stop(killAfterMs: number): Promise<void>;
}

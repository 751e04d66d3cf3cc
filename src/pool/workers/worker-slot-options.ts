/** What a place of a pool is given: the settings of its workers, and whom it tells what becomes of them. Types only. */
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { Trust } from "../../credentials/trust.ts";
import type { DiscoveryDescriptor } from "../../discovery/discovery.ts";
import type { Resources } from "../../internal/amounts.ts";
import type { ProgramState } from "../../process/launch/program-state.ts";
import type { WearReason } from "../../process/recycle/recycle-options.ts";
import type { ChildMessage, WantedReports, WorkerFactory } from "../../process/worker.ts";
import type { WarmValue } from "../../state/worker-values.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { WorkerEvent } from "../pool-event.ts";

/** What a worker tells of itself, where that is wanted. */
export type WorkerReport = Extract<ChildMessage, { readonly type: "merino:worn" | "merino:load" }>;

/** Which of its limits a worker has reached, and what it has of it: calls, milliseconds or bytes. */
export interface Wear {
  readonly reason: WearReason;
  readonly value: number;
}

/** The pool as a slot sees it. */
export interface WorkerSlotOptions {
  readonly factory: WorkerFactory;
  readonly tags: readonly string[];
  /** Further entries of the worker's record. */
  readonly extra: Readonly<Record<string, string>>;
  readonly entry: string | undefined;
  /** What every worker takes over, however late it is started. */
  readonly program: ProgramState;
  /** Where the pool announces the worker, for others to find. */
  readonly discoveries?: () => readonly DiscoveryDescriptor[];
  /** Where those of its workers are announced that others do not find. */
  readonly siblings?: () => DiscoveryDescriptor | undefined;
  /** Values that each worker has before it serves. */
  readonly warm?: readonly WarmValue[] | undefined;
  /** What each worker has of resources. */
  readonly resources?: Resources | undefined;
  /** Its number among the places. */
  readonly slot: number;
  /** Credentials of the pool. */
  readonly trust?: Trust | undefined;
  readonly startTimeoutMs: number;
  readonly respawn: boolean;
  /**
   * A worker serves.
   *
   * @param hidden Whether it has no address for others than the workers of its pool.
   * @param how `"beside"`: a worn one is still in its place, and it is not to be announced before that has been taken
   *   back. `"grown"`: there is one more than before.
   */
  readonly ready: (worker: WorkerMetadata, hidden: boolean, how?: "beside" | "grown") => void;
  /** A worker that is ready, and was to wait, may be announced; `instead` of one that was in its place. */
  readonly takesOver?: (worker: WorkerMetadata, hidden: boolean, instead: WorkerMetadata | undefined) => void;
  readonly gone: (uid: string, metadata: WorkerMetadata | undefined) => void;
  /**
   * A worker that serves is to get no more calls; those under way on it go on.
   *
   * @param isReplaced Whether `takesOver` follows, which takes its announcement back.
   */
  readonly retired: (metadata: WorkerMetadata, isReplaced?: boolean) => void;
  readonly event: (event: WorkerEvent) => void;
  /** Another worker of the pool reports that one does not answer. */
  readonly unresponsive: (uid: string, suspicion: Suspicion) => void;
  /** Another worker of the pool reports that one could not import the module of a routine. */
  readonly importFailed: (uid: string) => void;
  /** What is wanted to be told of a worker that is started now. Absent: nothing. */
  readonly reports?: (uid: string) => WantedReports | undefined;
  /** A worker tells of itself. */
  readonly reported?: (uid: string, message: WorkerReport) => void;
  /** The place has another worker than this one from now on, or none. */
  readonly left?: (uid: string) => void;
  /** Whether it is tried again if the first worker of the place does not come up: nobody waits for that. */
  readonly isGrown?: boolean;
}

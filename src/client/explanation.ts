/** What `explain()` returns: every worker seen and what became of it. Data only. */
import type { Refusal } from "../errors/no-workers-available-error.ts";

/** One member. */
export interface ExplainedMember {
  readonly uid: string;
  readonly pid: number;
  readonly address: string;
  /** As the worker itself said when it was connected, else as it was announced. */
  readonly version: string;
  /** Spawned by this pool. */
  readonly own: boolean;
  /** `ready`: takes calls. `backing-off`: was not reached, and is tried again. */
  readonly state: "connecting" | "ready" | "backing-off";
  /** Takes no new root calls. */
  readonly draining: boolean;
  /** Calls of this process that have not ended there. */
  readonly inFlight: number;
  /** Calls of this process that have ended there. */
  readonly completed: number;
  /** Why it cannot be reached, while it cannot. */
  readonly error?: string;
}

/** A proxy or pool, explained. */
export interface Explanation {
  /** This side's version. */
  readonly version: string;
  /** Members wanted before the first call goes out. */
  readonly quorum: number;
  /** Most workers held; absent for no limit. */
  readonly lease: number | undefined;
  /** Calls waiting for a worker. */
  readonly queued: number;
  /** In order of admission. */
  readonly members: readonly ExplainedMember[];
  /** Workers seen that are not members, and why. */
  readonly refused: readonly Refusal[];
}

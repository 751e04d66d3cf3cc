/** The port between a pool and the workers it spawns, whether these are processes or something else. */

import type { Trust, TrustData } from "../credentials/trust.ts";
import type { DiscoveryDescriptor } from "../discovery/discovery.ts";
import type { ReachedLimit } from "../errors/reached-limit.ts";
import type { Resources } from "../internal/amounts.ts";
import type { Carrier } from "../session/carrier.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import type { WarmValue } from "../state/worker-values.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { ProgramState } from "./launch/program-state.ts";

/** How a worker ended. */
export interface WorkerExit {
  /** Undefined when a signal ended it, when it is a thread that was terminated, or when it never ran. */
  readonly exitCode: number | undefined;
  /** For example `"SIGKILL"`; undefined when it ended by itself, or is a thread. */
  readonly signal: string | undefined;
  /** The last lines it wrote to standard error. */
  readonly stderr: string;
  /** Of a thread: the limit of its memory that it has reached. */
  readonly limit?: ReachedLimit | undefined;
}

/** A worker as its parent sees it. Created stopped; single use. */
export interface Worker {
  /** As its context gave it. */
  readonly uid: string;
  /** Process in which it runs: its own, or this one if it is a thread. Undefined while it has not been started. */
  readonly pid: number | undefined;
  /** Starts it. Resolves with its own description once it serves; rejects with `WorkerStartError`. */
  start(): Promise<WorkerMetadata>;
  /**
   * Ends it in an orderly way: asks, then ends it by force (SIGKILL, or the termination of a thread). Idempotent;
   * resolves when it has gone.
   *
   * @param options `killAfter`: milliseconds from asking to force, 0 for force at once, `Infinity` for none.
   */
  stop(options: { readonly killAfter: number }): Promise<WorkerExit>;
  /** Resolves once, when it has gone, for whatever reason. Never rejects. */
  readonly exited: Promise<WorkerExit>;
  /** Sends it a message; a worker that has gone ignores it. */
  notify(message: ParentMessage): void;
  /** Called for each message of the worker, other than its life-cycle ones. */
  onMessage: ((message: ChildMessage) => void) | undefined;
  /**
   * Opens a connection to it on a way that only its parent has. Absent: it is reached by its record, as others reach it.
   * A worker that has this has no address for others than the workers of its pool, and is announced to these alone.
   *
   * @throws {@link HandshakeError} when it does not serve.
   */
  readonly connect?: (() => Promise<Carrier>) | undefined;
}

/** A message of the parent to a worker. */
export type ParentMessage =
  /** Its credentials, before anything else; and again when others have taken their place. */
  | { readonly type: "merino:trust"; readonly trust: TrustData }
  /** Refuse new root calls, except those of one connection: the parent's own, which it ends by itself. */
  | { readonly type: "merino:drain"; readonly except?: ConnectionId }
  /** Refuse new root calls, finish those in flight, and end. */
  | { readonly type: "merino:retire" }
  /** End at once. */
  | { readonly type: "merino:stop" };

/** An error as text. */
export interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/** A message of a worker to its parent. */
export type ChildMessage =
  | { readonly type: "merino:ready"; readonly metadata: WorkerMetadata }
  | { readonly type: "merino:failed"; readonly error: string; readonly cause?: ErrorText | undefined }
  /** The import of a module begins, and may hold the thread; the worker gives it up after so many milliseconds. */
  | { readonly type: "merino:importing"; readonly module: string; readonly limitMs: number }
  /** It has settled, or was given up, or the routines of the module can run although it has not; `loaded`: they can. */
  | { readonly type: "merino:imported"; readonly module: string; readonly loaded?: boolean | undefined }
  /** Another worker of the same pool did not answer after a task on it was cancelled. */
  | {
      readonly type: "merino:unresponsive";
      readonly uid: string;
      /** Identity of the routine that seems to block it. */
      readonly culprit: string;
      /** Whether its body is known to have the worker's thread; otherwise it may only be waiting for it. */
      readonly certain: boolean;
    }
  /** Another worker of the same pool could not import the module of a routine. */
  | { readonly type: "merino:import-failed"; readonly uid: string }
  /** A worker of the command was told to end, or has been idle for long enough, and leaves it to its parent. */
  | {
      readonly type: "merino:stop-requested";
      readonly why: string;
      /** Milliseconds for calls under way; null for no limit, absent: as the parent was told. */
      readonly graceMs?: number | null | undefined;
    }
  /** A worker of the command has read that it is to end at once: its main thread is not blocked. */
  | { readonly type: "merino:stopping" }
  /** It has reached a limit after which its parent wanted to know, of calls or of bytes. Sent once. */
  | { readonly type: "merino:worn"; readonly limit: "calls" | "memory"; readonly value: number }
  /** What it has to do, while that changes. */
  | ({ readonly type: "merino:load" } & WorkerLoad);

/** What a worker has to do. */
export interface WorkerLoad {
  /** Tasks that have not ended on it, whoever has sent them. */
  readonly tasks: number;
  /** How long these are expected to take, together, in milliseconds. */
  readonly ms: number;
  /** Milliseconds that tasks take, by the identity of their routine, as far as that has changed. */
  readonly times: Readonly<Record<string, number>>;
}

/** What a parent wants to be told of a worker. */
export interface WantedReports {
  /** Calls, and bytes of memory, after which it wants to know. Absent: none. */
  readonly wear?: { readonly calls?: number | undefined; readonly memory?: number | undefined } | undefined;
  /** How often it wants to know what the worker has to do, in milliseconds. Absent: never. */
  readonly loadEveryMs?: number | undefined;
}

/** The settings that a pool passes to a factory for each worker it wants. */
export interface WorkerContext {
  /** The uid that the worker has to serve under. */
  readonly uid: string;
  /** Where the worker creates its Unix socket; the directory exists and is this user's alone. */
  readonly socketPath: string;
  /** The pool's tags, for the worker's record. */
  readonly tags: readonly string[];
  /** For the worker's record: which pool has started it, and entries that the pool adds. */
  readonly extra: Readonly<Record<string, string>>;
  /** Milliseconds in which the worker must become ready; `Infinity` for no limit. */
  readonly startTimeoutMs: number;
  /**
   * URL of the program's entry module, if it has one. In workers it runs only up to the line that opens the pool;
   * see `host/modules/module-loader.ts`.
   */
  readonly entry: string | undefined;
  /** Credentials of the pool, for a worker that has none of its own. Default: none. */
  readonly trust?: Trust | undefined;
  /** What the worker takes over from its program: as it was when the pool was opened. Default: as it is now. */
  readonly program?: ProgramState | undefined;
  /**
   * Where the worker will be announced, as data: over the network, calls nested in its tasks reach the workers of these
   * and no others. Default: nowhere.
   */
  readonly discoveries?: readonly DiscoveryDescriptor[] | undefined;
  /** Values of `perWorker()` that it has before it serves, as data for its process or thread. Default: none. */
  readonly warm?: readonly WarmValue[] | undefined;
  /**
   * `file:` URLs of modules that the worker in whose place it is started has imported for its calls: it imports them
   * before it serves, as far as that succeeds. Default: none.
   */
  readonly preload?: readonly string[] | undefined;
  /** Whether nobody waits for it, since another one serves in its place: it may start at a lower priority. Default false. */
  readonly unhurried?: boolean | undefined;
  /** What it has of what routines can need, unless its own options say. Default: nothing. */
  readonly resources?: Resources | undefined;
  /** Which of the pool's places it is for, from 0: a worker that replaces another has its number. Default 0. */
  readonly slot?: number | undefined;
  /**
   * Where workers of the pool are announced that have no address for others, beside those that a call's own descriptor
   * finds. Default: nowhere.
   */
  readonly siblings?: DiscoveryDescriptor | undefined;
  /** What the pool wants to be told, by messages. Default: nothing. */
  readonly reports?: WantedReports | undefined;
}

/** Makes a worker for a pool. */
export interface WorkerFactory {
  (context: WorkerContext): Worker;
  /**
   * Begins what the first worker will wait for. A pool that will have workers calls it once, as it opens, and prepares
   * the rest meanwhile. It starts no worker, and never throws.
   */
  readonly prepare?: (() => void) | undefined;
}

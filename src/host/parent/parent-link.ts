/**
 * The child's end of the channel between a worker process and its parent: it receives the worker's settings,
 * sends its reports, and ends the worker with its parent. Loads nothing but Node itself, since every worker
 * pays for it before it can serve.
 */
import { type RenewableTrust, receiveTrust } from "../../credentials/material/renewable-material.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { takeWorkerInit, type WorkerInit } from "../../process/launch/worker-init.ts";
import type { ChildMessage, ParentMessage } from "../../process/worker.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { causeOfStartFailure, explainStartFailure } from "./start-failure.ts";

/** How long output and the last messages may take when the worker ends itself. */
const FLUSH_MS = 1_000;

/** Signals that ask a program to end. A terminal, `timeout` or a service manager sends them to all its processes. */
const SIGNALS_OF_PARENT = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** Requests of the parent. Each may come at any time, also before the worker is ready. */
export interface ParentRequests {
  /** Refuse new root calls, except those of one connection; those in flight, and what they call, go on. */
  drain(except?: ConnectionId): void;
  /** Finish what is in flight, refusing what is new, and end the process. */
  retire(): void;
  /** End the process, or the thread. */
  stop(): void;
  /** Serve a connection of the parent. Only threads are asked to. */
  serve(carrier: Carrier): void;
}

/** What a worker tells of itself if it is wanted. */
export type WorkerReport = Extract<ChildMessage, { readonly type: "merino:worn" | "merino:load" }>;

/** The worker's line to its parent. */
export interface ParentLink {
  readonly init: WorkerInit;
  /** Its credentials, once the parent has passed them on. Never settles for a worker without; see `init.trusted`. */
  readonly trust: Promise<RenewableTrust>;
  /** Tells that the worker serves. */
  ready(metadata: WorkerMetadata): void;
  /** Tells why the worker cannot serve, and ends the process with exit code 1. */
  failed(error: unknown): void;
  /** Tells that an import begins, which may take so many milliseconds: leaves before it can hold the thread. */
  importing(module: string, limitMs: number): void;
  /** Tells that it is over. @param isLoaded Whether it has succeeded. */
  imported(module: string, isLoaded: boolean): void;
  /** Tells that another worker of the pool does not answer after the cancellation of a task of `culprit`. */
  unresponsive(uid: string, suspicion: { readonly culprit: string; readonly certain: boolean }): void;
  /** Tells that another worker of the pool could not import the module of a routine. */
  importFailed(uid: string): void;
  /** Asks the parent to end this worker in order. */
  stopRequested(why: string): void;
  /** Tells that the request to stop has been read. */
  stopping(): void;
  /** Tells what the parent wants to know of the worker's wear and its load. */
  report(message: WorkerReport): void;
  /** Ends the process once its output has been written, or after a second. */
  exit(code: number): void;
}

/**
 * Connects the worker with its parent. Called once, before any module of the user is imported.
 *
 * From then on the process ends as soon as the parent's end of the channel closes, and leaves the signals that ask a
 * program to end to its parent, which decides how its workers end: they reach the whole group of processes, and would
 * take the workers away from a program that ends in order. Listeners that the user has set are called all the same.
 *
 * @throws Error if this process was not forked by a Merino parent.
 */
export function connectParent(requests: ParentRequests): ParentLink {
  const init = takeWorkerInit(process.env);
  for (const signal of SIGNALS_OF_PARENT) process.on(signal, () => {});
  // Nobody is left to serve, to report to, or to end this process later.
  process.on("disconnect", () => process.exit(0));
  if (!process.connected) process.exit(0);
  const trust = createDeferred<RenewableTrust>();
  let passed: RenewableTrust | undefined;
  process.on("message", (message: ParentMessage | null) => {
    if (message?.type === "merino:trust") {
      passed?.renew(message.trust.material);
      passed ??= receiveTrust(message.trust);
      trust.resolve(passed);
    } else if (message?.type === "merino:drain") requests.drain(message.except);
    else if (message?.type === "merino:retire") requests.retire();
    else if (message?.type === "merino:stop") requests.stop();
  });
  return {
    init,
    trust: trust.promise,
    ready: (metadata) => send({ type: "merino:ready", metadata }),
    failed: (error) =>
      send(
        { type: "merino:failed", error: explainStartFailure(error), cause: causeOfStartFailure(error) },
        () => exitFlushed(1),
      ),
    importing: (module, limitMs) => send({ type: "merino:importing", module, limitMs }),
    imported: (module, isLoaded) => send({ type: "merino:imported", module, loaded: isLoaded }),
    unresponsive: (uid, { culprit, certain }) => send({ type: "merino:unresponsive", uid, culprit, certain }),
    importFailed: (uid) => send({ type: "merino:import-failed", uid }),
    stopRequested: (why) => send({ type: "merino:stop-requested", why }),
    stopping: () => send({ type: "merino:stopping" }),
    report: (message) => send(message),
    exit: exitFlushed,
  };
}

function send(message: ChildMessage, sent: () => void = () => {}): void {
  // Without a channel 'disconnect' has fired, or is about to: the callback takes the error.
  if (process.connected) process.send?.(message, undefined, undefined, sent);
  else sent();
}

/**
 * Output goes through pipes, asynchronously: a plain `process.exit()` would lose what the parent has not read yet. In a
 * thread it ends that.
 */
export function exitFlushed(code: number): void {
  const exit = (): void => process.exit(code);
  // biome-ignore lint/style/noRestrictedGlobals: this file loads nothing, and the process must stay until then
  setTimeout(exit, FLUSH_MS);
  process.stdout.write("", () => process.stderr.write("", exit));
}

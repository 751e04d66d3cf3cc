/**
 * A worker of which the channels of `merino:worker` tell: its start, and its end. Whoever starts a worker starts it
 * through this, whatever made it, so that those of a program's own factory are told of as well.
 */

import type { Carrier } from "../session/carrier.ts";
import { workerChannel, workerExitChannel } from "../telemetry/channels.ts";
import { startDebugLog } from "../telemetry/debug-log.ts";
import { tellOfPromise } from "../telemetry/tell-of-promise.ts";
import type { WorkerMessage } from "../telemetry/worker-message.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { ChildMessage, ParentMessage, Worker, WorkerExit } from "./worker.ts";

/** Passes everything on to the worker, and tells. */
export class ToldWorker implements Worker {
  readonly exited: Promise<WorkerExit>;
  readonly connect: (() => Promise<Carrier>) | undefined;
  readonly #worker: Worker;
  #isStarted = false;
  /** This process has ended it, or told it to end. */
  #toldToEnd = false;

  constructor(worker: Worker) {
    startDebugLog();
    this.#worker = worker;
    this.exited = worker.exited;
    this.connect = worker.connect?.bind(worker);
    const ignore = (): void => {}; // whoever has started it handles that as well
    worker.exited.then((exit) => this.#tellOfEnd(exit), ignore);
  }

  get uid(): string {
    return this.#worker.uid;
  }

  get pid(): number | undefined {
    return this.#worker.pid;
  }

  get onMessage(): ((message: ChildMessage) => void) | undefined {
    return this.#worker.onMessage;
  }

  set onMessage(listener: ((message: ChildMessage) => void) | undefined) {
    this.#worker.onMessage = listener;
  }

  start(): Promise<WorkerMetadata> {
    this.#isStarted = true;
    if (!workerChannel.hasSubscribers) return this.#worker.start();
    // Asynchronous, so that one of a program's own that throws has failed as well.
    return tellOfPromise(workerChannel, startMessage(this), async () => this.#worker.start());
  }

  stop(options: { readonly killAfter: number }): Promise<WorkerExit> {
    this.#toldToEnd = true;
    return this.#worker.stop(options);
  }

  notify(message: ParentMessage): void {
    if (message.type === "merino:retire" || message.type === "merino:stop") this.#toldToEnd = true;
    this.#worker.notify(message);
  }

  #tellOfEnd({ exitCode, signal }: WorkerExit): void {
    if (!workerExitChannel.hasSubscribers || !this.#isStarted) return;
    const { uid, pid } = this.#worker;
    workerExitChannel.publish({ uid, pid, exitCode, signal, expected: this.#toldToEnd });
  }
}

/** The process id is that of the moment at which it is read. */
function startMessage(worker: Worker): WorkerMessage & { error: unknown } {
  return {
    uid: worker.uid,
    get pid() {
      return worker.pid;
    },
    error: undefined,
  };
}

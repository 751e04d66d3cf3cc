/**
 * The thread of a worker as Node gives it: its messages, its output, its end. It tells whether a message is one of a
 * worker's, but not what it means, and reports the end only when everything that the thread wrote has been read. When it
 * is to end is up to `process/worker-life.ts`.
 */
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { MessageChannel, type ResourceLimits, type Worker } from "node:worker_threads";
import { HandshakeError } from "../errors/handshake-error.ts";
import type { ReachedLimit } from "../errors/reached-limit.ts";
import { passesOn, passesOnNoMore } from "../internal/worker-outputs.ts";
import { ChildOutput } from "../process/child-output.ts";
import type { ParentMessage } from "../process/worker.ts";
import { isChildMessage } from "../process/worker-child.ts";
import type { VesselEvents, WorkerVessel } from "../process/worker-life.ts";
import type { Carrier } from "../session/carrier.ts";
import { LoopWaiter } from "../transport/thread/loop-waiter.ts";
import { createRings, RingCarrier } from "../transport/thread/ring-carrier.ts";
import { SleepWord } from "../transport/thread/sleep-word.ts";
import type { ThreadMessage } from "./thread-init.ts";

/** The code with which a thread exits that was terminated, or has reached a limit. */
const TERMINATED = 1;

/** For all workers of this thread. */
let waiter: LoopWaiter | undefined;

/** One thread. It does not keep this process alive. */
export class WorkerThread implements WorkerVessel {
  readonly pid: number = process.pid;
  readonly #thread: Worker;
  readonly #threadId: number;
  readonly #socketPath: string;
  readonly #output: ChildOutput;
  readonly #events: VesselEvents;
  readonly #sleep: SharedArrayBuffer;
  readonly #sleepWord: SleepWord;
  /** As they hold; Node forgets them when the thread has ended. */
  #limits: ResourceLimits = {};
  #terminated = false;
  #over = false;
  #limit: ReachedLimit | undefined;

  /**
   * @param thread Started just now, its output left to Node.
   * @param options `socketPath`: of the worker's Unix socket, for those who reach it there and pass on its output;
   *   `sleep`: what it was started with.
   */
  constructor(
    thread: Worker,
    { socketPath, sleep }: { readonly socketPath: string; readonly sleep: SharedArrayBuffer },
    events: VesselEvents,
  ) {
    this.#thread = thread;
    this.#threadId = thread.threadId;
    this.#socketPath = socketPath;
    this.#events = events;
    this.#sleep = sleep;
    this.#sleepWord = new SleepWord(sleep);
    this.#output = new ChildOutput(unpiped(thread));
    passesOn(socketPath, () => this.#output.forwarded());
    thread.on("message", (message: unknown) => {
      // Routines use this way as well; other messages are ignored.
      if (isChildMessage(message)) events.message(message);
    });
    thread.once("online", () => {
      this.#limits = thread.resourceLimits ?? {};
    });
    thread.on("error", (error: unknown) => this.#failed(error));
    thread.once("exit", (exitCode) => void this.#end(exitCode));
    thread.unref();
  }

  send(message: ParentMessage): void {
    this.#thread.postMessage(message satisfies ThreadMessage);
    this.#sleepWord.wake(); // its loop may not turn before
  }

  kill(): void {
    this.#terminated = true;
    void this.#thread.terminate();
  }

  /**
   * Opens a connection to it.
   *
   * @throws {@link HandshakeError} if it has ended.
   */
  connect(): Carrier {
    const description = `thread ${this.#threadId} of this process`;
    if (this.#over) throw new HandshakeError(`Cannot connect to ${description}: it has ended`);
    const { port1, port2 } = new MessageChannel();
    const memory = createRings();
    waiter ??= new LoopWaiter();
    const carrier = new RingCarrier(port1, {
      memory,
      side: "client",
      waiter,
      peerSleep: this.#sleep,
      description,
      forwarded: () => this.#output.forwarded(),
    });
    const message: ThreadMessage = {
      type: "merino:connect",
      port: port2,
      memory,
      parentSleep: waiter.memory,
    };
    this.#thread.postMessage(message, [port2]);
    this.#sleepWord.wake();
    return carrier;
  }

  #failed(error: unknown): void {
    const { code, stack } = (error ?? {}) as { readonly code?: unknown; readonly stack?: unknown };
    if (code === "ERR_WORKER_OUT_OF_MEMORY") {
      // The only limit at which V8 ends a thread.
      const name = "maxOldGenerationSizeMb";
      this.#limit = { name, mb: this.#limits[name] };
      return;
    }
    // As a process says it that does not catch an error.
    this.#output.complain(`Uncaught ${typeof stack === "string" ? stack : inspect(error)}\n`);
  }

  /** Reads the rest of what the thread wrote before its worker is told that it has gone. */
  async #end(exitCode: number): Promise<void> {
    this.#over = true;
    this.#events.ended();
    await this.#output.drained();
    // What waits for its output has been handed out two turns later.
    await setImmediate();
    await setImmediate();
    passesOnNoMore(this.#socketPath);
    const forced = exitCode === TERMINATED && (this.#terminated || this.#limit !== undefined);
    this.#events.gone({
      exitCode: forced ? undefined : exitCode,
      signal: undefined,
      stderr: this.#output.stderrTail,
      ...(this.#limit === undefined ? {} : { limit: this.#limit }),
    });
  }
}

/**
 * Takes the output from Node, which has piped it to this process's own. Left to its owner from the beginning, it would keep
 * the process alive for as long as the thread is there, and nothing could change that.
 */
function unpiped({ stdout, stderr }: Worker): Pick<Worker, "stdout" | "stderr"> {
  stdout.unpipe(process.stdout);
  stderr.unpipe(process.stderr);
  // They flow once they are listened to, which now has to be said.
  queueMicrotask(() => {
    stdout.resume();
    stderr.resume();
  });
  return { stdout, stderr };
}

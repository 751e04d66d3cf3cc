/**
 * The child process of a worker as the system gives it: its channel and pipe, its output, its guardian. It tells
 * whether a message is one of a worker's, but not what it means, and reports the end only when everything
 * that the process wrote has been read. When it is to end is up to `process-worker.ts`.
 */
import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { sweepFile } from "../internal/remove-file.ts";
import { type DeadlineEntry, deadlines } from "../internal/time/deadline-queue.ts";
import { passesOn, passesOnNoMore } from "../internal/worker-outputs.ts";
import { controlSocketPath } from "../transport/unix/socket-path.ts";
import { ChildOutput } from "./child-output.ts";
import { type Guardian, startGuardian } from "./launch/guardian.ts";
import { lowerPriority } from "./launch/start-priority.ts";
import { PARENT_PIPE, type WorkerInit } from "./launch/worker-init.ts";
import type { ChildMessage, ParentMessage } from "./worker.ts";
import type { VesselEvents, WorkerVessel } from "./worker-life.ts";

const CHILD_MESSAGES: ReadonlySet<unknown> = new Set(
  Object.keys({
    "merino:ready": true,
    "merino:failed": true,
    "merino:importing": true,
    "merino:imported": true,
    "merino:unresponsive": true,
    "merino:import-failed": true,
    "merino:stop-requested": true,
    "merino:stopping": true,
    "merino:worn": true,
    "merino:load": true,
  } satisfies Record<ChildMessage["type"], true>),
);

/** How long one may start at a lower priority: where others take all of the processors, it would not come up. */
const UNHURRIED_MS = 3_000;

/** How a process has been started. */
export interface ChildStart {
  readonly init: WorkerInit;
  /** Whether the kernel does not end it with this one. */
  readonly guardian: boolean;
  /** Whether nobody waits for it. */
  readonly isUnhurried: boolean;
}

/** One process. It does not keep this one alive. */
export class WorkerChild implements WorkerVessel {
  readonly #child: ChildProcess;
  readonly #init: WorkerInit;
  readonly #output: ChildOutput;
  readonly #events: VesselEvents;
  readonly #guardian: Guardian | undefined;
  /** To the listener thread of a worker on the network. */
  readonly #pipe: Socket | undefined;
  /** Has it start as fast as it can. Absent: it does. */
  #hurry: (() => void) | undefined;
  #hurryDue: DeadlineEntry | undefined;

  /** @param child Forked just now. */
  constructor(child: ChildProcess, { init, guardian, isUnhurried }: ChildStart, events: VesselEvents) {
    this.#child = child;
    this.#init = init;
    this.#events = events;
    if (isUnhurried && child.pid !== undefined) this.#hurry = lowerPriority(child.pid);
    if (this.#hurry !== undefined) this.#hurryDue = deadlines.after(UNHURRIED_MS, () => this.#hurries());
    this.#guardian = guardian && child.pid !== undefined ? startGuardian() : undefined;
    if (child.pid !== undefined) this.#guardian?.register(child.pid);
    this.#output = new ChildOutput(child);
    if (this.#output.piped) passesOn(init.socketPath, () => this.#output.forwarded());
    child.on("message", (message) => this.#receive(message));
    // Node's type does not say so, but a process that could not be started has no streams.
    const pipe = (child.stdio as ChildProcess["stdio"] | undefined)?.[PARENT_PIPE];
    if (pipe instanceof Socket) this.#pipe = pipe;
    this.#readPipe();
    child.once("exit", (exitCode, signal) => void this.#end(exitCode ?? undefined, signal ?? undefined));
    // 'exit' does not follow if the process could not be started; any other error is about a message or a
    // signal that came too late.
    child.on("error", (error) => {
      if (child.pid === undefined) events.unstarted(error);
    });
    child.unref();
    child.channel?.unref();
  }

  /** Process id, also after its end; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends a message, if the channel is still open. */
  send(message: ParentMessage): void {
    // The callback takes the error of a channel that closes meanwhile; without it, that would be an event.
    if (this.#child.connected) this.#child.send(message, () => {});
    // Its listener tells of its health that it leaves, also while the main thread does not read what it was sent.
    if (message.type !== "merino:trust") this.#pipe?.write("end\n");
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL"); // which it cannot catch
    } catch {
      // The process has gone, or belongs to another user by now: its end, if any, is reported by 'exit'.
    }
  }

  /** The messages of a worker of the command whose main thread may be blocked. */
  #readPipe(): void {
    const pipe = this.#pipe;
    if (pipe === undefined) return;
    pipe.on("error", () => {}); // 'exit' tells the same
    pipe.unref();
    createInterface({ input: pipe })
      .on("line", (line) => this.#receive(parseLine(line)))
      .on("error", () => {}); // the pipe's own, told once more
  }

  #receive(message: unknown): void {
    // Routines and tools use the channel too (`node --watch` does); other messages are ignored.
    if (!isChildMessage(message)) return;
    if (message.type === "merino:ready") this.#hurries();
    this.#events.message(message);
  }

  /** From now on it has the priority of its parent. */
  #hurries(): void {
    if (this.#hurryDue !== undefined) deadlines.cancel(this.#hurryDue);
    this.#hurryDue = undefined;
    this.#hurry?.();
    this.#hurry = undefined;
  }

  /** Reads the rest from the pipes and the channel of the process before its worker is told that it has gone. */
  async #end(exitCode: number | undefined, signal: string | undefined): Promise<void> {
    this.#hurry = undefined; // its number may be another's by now
    this.#hurries();
    this.#events.ended();
    const child = this.#child;
    await this.#output.drained(
      child.connected ? new Promise((resolve) => child.once("disconnect", resolve)) : undefined,
    );
    // What waits for its output has been handed out two turns later.
    await setImmediate();
    await setImmediate();
    passesOnNoMore(this.#init.socketPath);
    if (child.connected) child.disconnect();
    await this.#guardian?.close();
    // The control socket of a worker that was killed; its other socket is removed by the pool that made up the path.
    if (this.#init.network !== undefined) sweepFile(controlSocketPath(this.#init.socketPath));
    this.#events.gone({ exitCode, signal, stderr: this.#output.stderrTail });
  }
}

/** Tells the messages of a worker from others. */
export function isChildMessage(message: unknown): message is ChildMessage {
  if (typeof message !== "object" || message === null) return false;
  return CHILD_MESSAGES.has((message as { readonly type?: unknown }).type);
}

/** Anything else than a line of JSON is ignored: a module may have written it, to a descriptor it did not know. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

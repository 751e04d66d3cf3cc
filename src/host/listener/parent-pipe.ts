/**
 * The listener thread's end of the pipe to the worker's parent: both can speak while a body blocks the main thread, which
 * has the channel. It knows two sentences: the parent says that the worker is to end, and the thread that somebody asks
 * for its end.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { ChildMessage } from "../../process/worker.ts";

/** Calls back once, when the parent has the worker end. */
export function followParent(pipe: number, ending: () => void): void {
  const socket = new Socket({ fd: pipe, readable: true, writable: false });
  socket.on("error", () => {}); // the parent has gone, and this process ends with it
  socket.once("data", ending);
  socket.unref();
}

/** Tells the parent that the worker was asked to end: `graceMs` for calls in flight, `Infinity` for no limit. */
export function tellParent(pipe: number, graceMs: number): void {
  const message: ChildMessage = {
    type: "merino:stop-requested",
    why: "asked to stop",
    graceMs: Number.isFinite(graceMs) ? Math.round(graceMs) : null,
  };
  try {
    writeSync(pipe, `${JSON.stringify(message)}\n`);
  } catch {
    // The parent has gone, and this process ends with it.
  }
}

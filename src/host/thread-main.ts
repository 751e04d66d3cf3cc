/**
 * The program of a worker in a thread: a worker that answers to its parent in the same process. It loads code of the user
 * as a worker process does; what belongs to the process, its directory above all, it leaves alone.
 */
import { startDebugLog } from "../telemetry/debug-log.ts";
import { BlockingWaiter } from "../transport/thread/blocking-waiter.ts";
import { connectParentThread, threadInit } from "./parent/thread-link.ts";
import { PrintedOutput } from "./printed-output.ts";
import { runWorker } from "./worker-program.ts";

startDebugLog();

const printed = new PrintedOutput();
const waiter = new BlockingWaiter(threadInit().sleep);

runWorker((requests) => connectParentThread(requests, { printed, waiter }), {
  settings: () => ({ printed, spinner: waiter }),
});

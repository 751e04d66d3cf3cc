/**
 * The program of a worker in a thread: a worker that answers to its parent in the same process. It loads code of the user
 * as a worker process does; what belongs to the process, its directory above all, it leaves alone.
 */
import { startDebugLog } from "../telemetry/debug-log.ts";
import { PrintedOutput } from "./printed-output.ts";
import { connectParentThread } from "./thread-link.ts";
import { runWorker } from "./worker-program.ts";

startDebugLog();

const printed = new PrintedOutput();

runWorker((requests) => connectParentThread(requests, printed), { settings: () => ({ printed }) });

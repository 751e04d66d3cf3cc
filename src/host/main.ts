/**
 * The program of a worker process, whether a pool has started it or the command: a worker that answers to its
 * parent, and ends with it.
 */
import { PARENT_PIPE } from "../process/launch/worker-init.ts";
import { startDebugLog } from "../telemetry/debug-log.ts";
import { connectParent } from "./parent/parent-link.ts";
import { PrintedOutput } from "./printed-output.ts";
import { leaveEndToParent, readyForService } from "./service.ts";
import { runWorker } from "./worker-program.ts";

startDebugLog();

runWorker(connectParent, {
  prepare(link) {
    const { cwd, service } = link.init;
    if (cwd !== undefined && cwd !== process.cwd()) process.chdir(cwd);
    if (service !== undefined) leaveEndToParent(link);
  },
  settings({ init: { network, service } }) {
    return {
      network,
      parentPipe: network === undefined ? undefined : PARENT_PIPE,
      // A worker of the command prints to the command's own output, which nobody passes on.
      printed: service === undefined ? new PrintedOutput() : undefined,
      ...(service !== undefined && { mappings: service.mappings, parentStops: true }),
    };
  },
  ready(worker, link) {
    const { service } = link.init;
    if (service !== undefined) readyForService(worker, service, link);
  },
});

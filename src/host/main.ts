/**
 * The program of a worker process, whether a pool has started it or the command: a worker that answers to its
 * parent, and ends with it.
 */
import { PARENT_PIPE } from "../process/launch/worker-init.ts";
import { startDebugLog } from "../telemetry/debug-log.ts";
import { doLastThings } from "./last-things.ts";
import { connectParent } from "./parent-link.ts";
import { PrintedOutput } from "./printed-output.ts";
import { leaveEndToParent, readyForService } from "./service.ts";
import { WorkerHost } from "./worker-host.ts";

/** However long the calls in flight take: the parent ends it sooner if it has to. */
const UNHURRIED = { graceMs: Number.POSITIVE_INFINITY };

let worker: Promise<WorkerHost> | undefined;

startDebugLog();

const link = connectParent({
  drain: (except) => worker?.then((started) => started.drain(except)).catch(ignoreFailedStart),
  retire: () => worker?.then((started) => end(started.shutDown(UNHURRIED))).catch(ignoreFailedStart),
  stop: () => {
    if (link.init.service !== undefined) link.stopping();
    end(stop());
  },
});

function end(stopped: Promise<void>): void {
  const exit = (code: number): void => void doLastThings().then(() => link.exit(code));
  stopped.then(
    () => exit(0),
    () => exit(1),
  );
}

async function stop(): Promise<void> {
  const started = await worker?.catch(ignoreFailedStart);
  await started?.stop();
}

async function start(): Promise<void> {
  const { uid, socketPath, tags, extra, options, entry, importTimeoutMs, cwd } = link.init;
  const {
    network,
    trusted,
    maxHeldBytes,
    modules,
    accept,
    allow,
    rules,
    stopAllow,
    discoveries = [],
    service,
  } = link.init;
  const trust = trusted === true ? await link.trust : undefined;
  if (cwd !== undefined && cwd !== process.cwd()) process.chdir(cwd);
  if (service !== undefined) leaveEndToParent(link);
  // A worker of the command prints to the command's own output, which nobody passes on.
  const printed = service === undefined ? new PrintedOutput() : undefined;
  worker = WorkerHost.start({
    uid,
    socketPath,
    tags,
    extra,
    channel: options,
    entry,
    importTimeoutMs: importTimeoutMs ?? Number.POSITIVE_INFINITY,
    network,
    parentPipe: network === undefined ? undefined : PARENT_PIPE,
    maxHeldBytes,
    trust,
    modules,
    accept,
    allow,
    rules,
    stopAllow,
    discoveries,
    ...(service === undefined
      ? {
          importOnDemand: true,
          printed,
          imports: { begun: link.importing, ended: link.imported },
          unresponsive: link.unresponsive,
          importFailed: link.importFailed,
        }
      : {
          importOnDemand: false,
          mappings: service.mappings,
          parentStops: true,
          // It reports no other worker: it belongs to no pool, and the owner of that worker watches over it.
        }),
  });
  const started = await worker;
  // Asked to over its control socket and not by its parent, which sees a worker that ends by itself. Workers of
  // the command leave that to their parent.
  void started.stopRequested.then((request) => end(started.shutDown(request)));
  link.ready(started.metadata);
  if (service !== undefined) readyForService(started, service, link);
}

/** A start that fails is reported by the code that awaits it. */
function ignoreFailedStart(): undefined {
  return undefined;
}

start().catch((error: unknown) => link.failed(error));

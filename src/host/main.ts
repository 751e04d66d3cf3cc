/** The program of a worker process that a pool has started: a worker that answers to its parent, and ends with it. */
import { chdir } from "node:process";
import { connectParent } from "./parent-link.ts";
import { WorkerHost } from "./worker-host.ts";

/** However long the calls in flight take: the parent ends it sooner if it has to. */
const UNHURRIED = { graceMs: Number.POSITIVE_INFINITY };

let worker: Promise<WorkerHost> | undefined;

const link = connectParent({
  drain: (except) => worker?.then((started) => started.drain(except)).catch(ignoreFailedStart),
  retire: () => worker?.then((started) => end(started.shutDown(UNHURRIED))).catch(ignoreFailedStart),
  stop: () => end(stop()),
});

function end(stopped: Promise<void>): void {
  stopped.then(
    () => link.exit(0),
    () => link.exit(1),
  );
}

async function stop(): Promise<void> {
  const started = await worker?.catch(ignoreFailedStart);
  await started?.stop();
}

async function start(): Promise<void> {
  const { uid, socketPath, tags, extra, options, entry, importTimeoutMs, cwd } = link.init;
  const { network, modules, accept, discoveries } = link.init;
  if (cwd !== undefined && cwd !== process.cwd()) chdir(cwd);
  worker = WorkerHost.start({
    uid,
    socketPath,
    tags,
    extra,
    channel: options,
    entry,
    importTimeoutMs: importTimeoutMs ?? Number.POSITIVE_INFINITY,
    network,
    modules,
    accept,
    importOnDemand: true,
    discoveries: discoveries ?? [],
    imports: { begun: link.importing, ended: link.imported },
    unresponsive: link.unresponsive,
    importFailed: link.importFailed,
  });
  const started = await worker;
  // Asked to over its control socket and not by its parent, which sees a worker that ends by itself.
  void started.stopRequested.then((request) => end(started.shutDown(request)));
  link.ready(started.metadata);
}

/** A start that fails is reported by the code that awaits it. */
function ignoreFailedStart(): undefined {
  return undefined;
}

start().catch((error: unknown) => link.failed(error));

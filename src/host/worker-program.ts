/**
 * What the programs of workers have in common, in a process or in a thread: the worker starts with what its parent has
 * told it, tells how that went, and does what the parent asks of it until it ends.
 */
import type { Carrier } from "../session/carrier.ts";
import { doLastThings } from "./last-things.ts";
import type { ParentLink, ParentRequests } from "./parent/parent-link.ts";
import { meterFor } from "./reports/meter-for.ts";
import { WorkerHost } from "./worker-host.ts";
import type { WorkerHostOptions } from "./worker-host-options.ts";

/** However long the calls in flight take: the parent ends it sooner if it has to. */
const UNHURRIED = { graceMs: Number.POSITIVE_INFINITY };

/** What is special about one program. */
export interface WorkerProgram {
  /** Does what has to come before anything of the user's is imported. */
  prepare?(link: ParentLink): void;
  /** What the host is told beyond what the parent has. */
  settings(link: ParentLink): Partial<WorkerHostOptions>;
  /** The worker serves, and its parent knows. */
  ready?(worker: WorkerHost, link: ParentLink): void;
}

/** Runs the worker of this process or thread. */
export function runWorker(
  connectParent: (requests: ParentRequests) => ParentLink,
  program: WorkerProgram,
): void {
  let worker: Promise<WorkerHost> | undefined;
  const link = connectParent({
    drain: (except) => worker?.then((started) => started.drain(except)).catch(ignoreFailedStart),
    retire: () => worker?.then((started) => end(started.shutDown(UNHURRIED))).catch(ignoreFailedStart),
    stop: () => {
      if (link.init.service !== undefined) link.stopping();
      end(stop());
    },
    serve: (carrier: Carrier) => {
      if (worker === undefined) carrier.destroy();
      else worker.then((started) => started.serve(carrier)).catch(() => carrier.destroy());
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
    const { init } = link;
    const trust = init.trusted === true ? await link.trust : undefined;
    program.prepare?.(link);
    worker = WorkerHost.start({ ...hostOptions(link), trust, ...program.settings(link) });
    const started = await worker;
    // Asked to over its control socket and not by its parent, which sees a worker that ends by itself. Workers of
    // the command leave that to their parent.
    void started.stopRequested.then((request) => end(started.shutDown(request)));
    link.ready(started.metadata);
    program.ready?.(started, link);
  }

  start().catch((error: unknown) => link.failed(error));
}

function hostOptions(link: ParentLink): WorkerHostOptions {
  const { uid, socketPath, tags, extra, options, entry, importTimeoutMs } = link.init;
  const { maxHeldBytes, modules, warm, preload, resources, maxReservationMs, accept, allow, rules } =
    link.init;
  const { stopAllow, discoveries = [], siblings } = link.init;
  const ofPool = link.init.service === undefined;
  return {
    uid,
    socketPath,
    tags,
    extra,
    channel: options,
    entry,
    importTimeoutMs: importTimeoutMs ?? Number.POSITIVE_INFINITY,
    maxHeldBytes,
    modules,
    warm,
    preload,
    resources,
    maxReservationMs,
    accept,
    allow,
    rules,
    stopAllow,
    discoveries,
    siblings,
    importOnDemand: ofPool,
    meter: meterFor(link.init.reports, link.report),
    // A worker of the command reports no other: it belongs to no pool, and the owner of that worker watches over it.
    ...(ofPool && {
      imports: { begun: link.importing, ended: link.imported },
      unresponsive: link.unresponsive,
      importFailed: link.importFailed,
    }),
  };
}

/** A start that fails is reported by the code that awaits it. */
function ignoreFailedStart(): undefined {
  return undefined;
}

/**
 * The life of a worker that nobody has spawned: it starts, announces itself, serves until it is told to end or
 * has nothing to do, retracts its announcement, lets calls finish, and ends. Whichever way it ends, it leaves no
 * announcement that it could have retracted.
 */
import { randomUUID } from "node:crypto";
import type { Discovery, Publisher } from "../discovery/discovery.ts";
import { isMerinoError } from "../errors/merino-error.ts";
import type { IdentityMapping } from "../host/modules/identity-map.ts";
import { explainStartFailure, placeOf } from "../host/start-failure.ts";
import { WorkerHost } from "../host/worker-host.ts";
import { errorText } from "../internal/error-text.ts";
import { removeAtExit } from "../internal/remove-at-exit.ts";
import { pause, waitAtMost } from "../internal/time/wait.ts";
import type { NetworkOptions } from "../process/network-options.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import type { ChannelOptions } from "../wire/channel-options.ts";
import { listenForSignals, type SignalListener } from "./signals.ts";
import { CommandFailure, ExitCode, type Terminal } from "./terminal.ts";

/** Which modules are served, where, and for how long. */
export interface WorkerServiceOptions {
  /** `file:` URLs. */
  readonly modules: readonly string[];
  readonly network: NetworkOptions;
  /** The discovery in which it announces itself; absent: none. */
  readonly discovery: Discovery | undefined;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly channel: ChannelOptions;
  /** Absent: it never ends for lack of calls. */
  readonly idleTimeoutMs: number | undefined;
  /** How long calls under way may take once it is to end. */
  readonly graceMs: number;
  readonly accept: string | undefined;
  readonly mappings: readonly IdentityMapping[];
}

/** Why a worker that serves is to end, and how long its calls may still take. */
interface Ending {
  readonly why: string;
  readonly graceMs: number;
}

/** How long retracting may take, so that an unreachable network does not keep a worker from ending. */
const RETRACT_MS = 2_000;
/** How long the last steps may take after a second signal. */
const HURRY_MS = 1_000;

/**
 * Serves until it is over.
 *
 * @returns The exit code.
 * @throws CommandFailure saying why it cannot serve; nothing has been announced then, and nothing is open.
 */
export async function serveWorker(options: WorkerServiceOptions, terminal: Terminal): Promise<number> {
  using signals = listenForSignals();
  const publisher = options.discovery?.publisher();
  const starting = startWorker(options, publisher);
  const early = await Promise.race([starting.then(() => undefined), signals.first]);
  if (early !== undefined) {
    // It has accepted no calls, and its sockets end with the process; but it may have been announced by now.
    await Promise.race([retract(publisher, terminal), signals.second]);
    return early.exitCode;
  }
  const worker = await starting;
  terminal.out(`${worker.metadata.address}\n`);

  const ending = await endOf(worker, options, signals);
  const limit = ending.graceMs === Number.POSITIVE_INFINITY ? "no limit" : `at most ${ending.graceMs} ms`;
  terminal.err(`merino: ${ending.why}; ending, with ${limit} for calls under way\n`);
  const ended = end(worker, publisher, ending, terminal);
  const hurried = await Promise.race([ended, signals.second]);
  if (hurried === undefined) return ExitCode.OK;
  worker.cutShort(0);
  await waitAtMost(HURRY_MS, ended);
  return hurried.exitCode;
}

async function startWorker(
  options: WorkerServiceOptions,
  publisher: Publisher | undefined,
): Promise<WorkerHost> {
  let worker: WorkerHost | undefined;
  try {
    const path = socketPath();
    removeAtExit(path); // it may be ended while it starts, or by a second signal
    worker = await WorkerHost.start({
      uid: randomUUID(),
      socketPath: path,
      tags: options.tags,
      extra: options.extra,
      channel: options.channel,
      entry: undefined,
      importTimeoutMs: undefined,
      network: options.network,
      modules: options.modules,
      importOnDemand: false,
      accept: options.accept,
      mappings: options.mappings,
      discoveries: options.discovery?.descriptor === undefined ? [] : [options.discovery.descriptor],
      // It reports no other worker: it belongs to no pool, and the owner of that worker watches over it.
    });
    await publisher?.publish({ type: "worker-added", worker: worker.metadata });
    return worker;
  } catch (error) {
    await worker?.stop();
    await publisher?.close().catch(() => {}); // the first failure is the one to report
    throw new CommandFailure(explain(error), { exitCode: ExitCode.FAILED, cause: error });
  }
}

/** Resolves when the worker is to end. */
async function endOf(
  worker: WorkerHost,
  { graceMs, idleTimeoutMs }: WorkerServiceOptions,
  signals: SignalListener,
): Promise<Ending> {
  const over = new AbortController();
  const ways = [
    signals.first.then(({ name }) => ({ why: name, graceMs })),
    worker.stopRequested.then((request) => ({ why: "asked to stop", graceMs: request.graceMs })),
  ];
  if (idleTimeoutMs !== undefined) {
    ways.push(
      idleFor(worker, idleTimeoutMs, over.signal).then(() => ({
        why: `no calls for ${idleTimeoutMs} ms`,
        graceMs,
      })),
    );
  }
  try {
    return await Promise.race(ways);
  } finally {
    over.abort();
  }
}

/** Resolves once the worker has been idle for so long, or the signal has fired. */
async function idleFor(worker: WorkerHost, timeoutMs: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = timeoutMs; leftMs > 0 && !signal.aborted; leftMs = timeoutMs - worker.idleMs) {
    await pause(leftMs, signal);
  }
}

/** Lets callers find others first, then refuses new calls, then waits for those under way. */
async function end(
  worker: WorkerHost,
  publisher: Publisher | undefined,
  { graceMs }: Ending,
  terminal: Terminal,
): Promise<undefined> {
  await retract(publisher, terminal);
  await worker.shutDown({ graceMs });
  return undefined;
}

/** Takes everything back that has been announced, or tries for a while. */
async function retract(publisher: Publisher | undefined, terminal: Terminal): Promise<void> {
  if (publisher === undefined) return;
  const retracted = publisher.close().catch((error: unknown) => {
    terminal.err(`merino: cannot retract the worker from discovery: ${errorText(error)}\n`);
  });
  await waitAtMost(RETRACT_MS, retracted);
}

/** Explains why the worker could not serve: for a module's own error, with the place in it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return `Cannot serve: ${errorText(error)}`;
  if ("syscall" in error) return `Cannot serve: ${explainStartFailure(error)}`;
  if (isMerinoError(error) || !(error.cause instanceof Error)) return error.message;
  return `${error.message}\n${placeOf(error.cause)}`;
}

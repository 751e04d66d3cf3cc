/**
 * The process of the command `worker`: it starts the processes that serve, receives the signals, and decides when
 * the command ends and with which code. It runs no body, so that it keeps every promise about time while a body
 * blocks a worker: Node gives signals to the main thread only. Whichever way it ends, no worker is left; and no
 * announcement that it could have retracted.
 */
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import type { Discovery, Publisher } from "../discovery/discovery.ts";
import type { IdentityMapping } from "../host/modules/identity-map.ts";
import { errorText } from "../internal/error-text.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { formatEndpoint, type NetworkOptions, parseEndpoint } from "../process/network-options.ts";
import { ProcessWorker } from "../process/process-worker.ts";
import type { ResolvedRecycleOptions } from "../process/recycle/recycle-options.ts";
import { RecycleTurns, type WorkersInTurn } from "../process/recycle/recycle-turns.ts";
import type { WorkerFactory } from "../process/worker.ts";
import type { ChannelOptions } from "../wire/channel-options.ts";
import { listenForSignals, type ReceivedSignal, type SignalListener } from "./signals.ts";
import { describeEnding, explainFailure, SupervisedWorker } from "./supervised-worker.ts";
import { CommandFailure, ExitCode, say, type Terminal } from "./terminal.ts";

/** Which modules are served, where, by how many processes, and for how long. */
export interface SupervisorOptions {
  /** How many are kept running; absent: one, with whose end the command ends. */
  readonly workers: number | undefined;
  /** `file:` URLs. */
  readonly modules: readonly string[];
  /** Of the first worker: with a fixed port, each further one has the next, and the next one for its health. */
  readonly network: NetworkOptions;
  readonly credentials: WorkerCredentials | undefined;
  /** The discovery in which they are announced; absent: none. */
  readonly discovery: Discovery | undefined;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly build: string | undefined;
  readonly resources: Readonly<Record<string, number>>;
  /** The longest time for which they grant reservations; absent: their own default. */
  readonly maxReservationMs: number | undefined;
  readonly channel: ChannelOptions;
  readonly maxHeldBytes: number | undefined;
  /** Names of the values that each of them has before it serves. */
  readonly warm: readonly string[];
  /** Absent: they never end for lack of calls. */
  readonly idleTimeoutMs: number | undefined;
  /** When each of them is ended and started anew; absent: never. */
  readonly recycle: ResolvedRecycleOptions | undefined;
  /** How long calls under way may take once a worker is to end. */
  readonly graceMs: number;
  readonly accept: string | undefined;
  /** Who may call which routines over the network, and stop the workers. */
  readonly allow: Readonly<Record<string, readonly string[]>>;
  readonly rules: string | undefined;
  readonly stopAllow: readonly string[];
  readonly mappings: readonly IdentityMapping[];
  /** Whether they make spans and metrics with OpenTelemetry. */
  readonly otel: boolean;
}

/** How long retracting may take, so that an unreachable network does not keep the command from ending. */
const RETRACT_MS = 2_000;
/** The same after a second signal. */
const HURRY_MS = 500;

/**
 * Serves until it is over.
 *
 * @returns The exit code.
 * @throws CommandFailure saying why it cannot serve; nothing has been announced then, and no worker is left.
 */
export async function superviseWorkers(options: SupervisorOptions, terminal: Terminal): Promise<number> {
  using signals = listenForSignals();
  const publisher = options.discovery?.publisher();
  const { descriptor } = options.discovery ?? {};
  const discoveries = descriptor === undefined ? [] : [descriptor];
  const { recycle } = options;
  const turns: RecycleTurns = new RecycleTurns(
    (): WorkersInTurn => ({
      total: workers.length,
      // Those that have a turn serve no more, and are taken off again there.
      serving: workers.filter(({ isServing }) => isServing).length + turns.active.size,
    }),
  );
  const workers: readonly SupervisedWorker[] = Array.from(
    { length: options.workers ?? 1 },
    (_, index) =>
      new SupervisedWorker({
        factory: workerFactory(options, index),
        tags: options.tags,
        extra: options.extra,
        discoveries,
        warm: options.warm.map((id) => ({ id })),
        publisher,
        recycle: recycle && { limits: recycle, turns },
        restart: options.workers !== undefined,
        graceMs: options.graceMs,
        terminal,
      }),
  );
  const starting = startAll(workers, publisher);
  const early = await Promise.race([starting.then(() => undefined), signals.first]);
  if (early !== undefined) {
    // They have accepted no calls; but some may have been announced by now.
    const gone = Promise.all([retract(publisher, terminal), ...workers.map((worker) => worker.abandon())]);
    await Promise.race([gone, signals.second]);
    return early.exitCode;
  }
  const over = Promise.all(workers.map((worker) => worker.serve()));
  const hurried = await endOf(over, { workers, signals, graceMs: options.graceMs, terminal });
  if (hurried !== undefined) {
    await Promise.all(workers.map((worker) => worker.hurry()));
    await waitAtMost(HURRY_MS, retract(publisher, terminal));
    return hurried.exitCode;
  }
  const exitCodes = await over;
  await retract(publisher, terminal);
  return exitCodes.find((code) => code !== ExitCode.OK) ?? ExitCode.OK;
}

/** Starts all, and announces them once all of them serve. If that fails, none is left. */
async function startAll(
  workers: readonly SupervisedWorker[],
  publisher: Publisher | undefined,
): Promise<void> {
  try {
    await Promise.all(workers.map((worker) => worker.start()));
    await Promise.all(workers.map((worker) => worker.announce()));
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.abandon()));
    await publisher?.close().catch(() => {}); // the first failure is the one to report
    throw new CommandFailure(explainFailure(error), { exitCode: ExitCode.FAILED, cause: error });
  }
}

/**
 * Waits until all workers have ended. The first signal ends them in order.
 *
 * @returns The second signal, if one comes before.
 */
function endOf(
  over: Promise<unknown>,
  context: {
    readonly workers: readonly SupervisedWorker[];
    readonly signals: SignalListener;
    readonly graceMs: number;
    readonly terminal: Terminal;
  },
): Promise<ReceivedSignal | undefined> {
  const { workers, signals, graceMs, terminal } = context;
  void signals.first.then(({ name }) => {
    // A terminal sends its signals to the workers as well, which may have passed them on already.
    if (workers.some((worker) => !worker.isEnding)) say(terminal, describeEnding(name, graceMs));
    for (const worker of workers) worker.end(graceMs);
  });
  return Promise.race([over.then(() => undefined), signals.second]);
}

function workerFactory(options: SupervisorOptions, index: number): WorkerFactory {
  const { network, credentials, mappings, idleTimeoutMs } = options;
  const { host, port, advertise, insecure } = network;
  const health = healthOf(network, index);
  return ProcessWorker.factory({
    ...options.channel,
    // By the name of the package, as its users write it; each door of it is a file of its own.
    ...(options.otel && { execArgv: ["--import", import.meta.resolve("merino/opentelemetry/register")] }),
    ...(options.maxHeldBytes !== undefined && { maxHeldBytes: options.maxHeldBytes }),
    ...(options.build !== undefined && { build: options.build }),
    ...(Object.keys(options.resources).length > 0 && { resources: options.resources }),
    ...(options.maxReservationMs !== undefined && { maxReservation: options.maxReservationMs }),
    host,
    port: port === 0 ? 0 : port + index,
    modules: options.modules,
    ...(advertise !== undefined && { advertise }),
    ...(health !== undefined && { health }),
    ...(credentials === undefined ? insecure !== undefined && { insecure } : { credentials }),
    ...(options.accept !== undefined && { accept: options.accept }),
    ...(Object.keys(options.allow).length > 0 && { allow: options.allow }),
    ...(options.rules !== undefined && { rules: options.rules }),
    ...(options.stopAllow.length > 0 && { stopAllow: options.stopAllow }),
    service: { mappings, idleTimeoutMs },
  });
}

/** Where the worker at that place tells of its health. */
function healthOf({ health }: NetworkOptions, index: number): string | undefined {
  const endpoint = parseEndpoint(health);
  if (endpoint?.port === undefined) return undefined;
  return formatEndpoint({ host: endpoint.host, port: endpoint.port + index });
}

/** Takes everything back that has been announced, or tries for a while. */
async function retract(publisher: Publisher | undefined, terminal: Terminal): Promise<void> {
  if (publisher === undefined) return;
  const retracted = publisher.close().catch((error: unknown) => {
    say(terminal, `cannot retract the worker from discovery: ${errorText(error)}`);
  });
  await waitAtMost(RETRACT_MS, retracted);
}

/**
 * One worker, addressed directly: asked what it is, called, told to stop. It chooses how the worker is reached
 * and leaves calls to a proxy of that one worker, so that the rules of calls are the same everywhere.
 */
import { existsSync } from "node:fs";
import type { CallTarget, Dispatcher } from "../context/dispatcher.ts";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import type { WorkerCredentials } from "../credentials/worker-credentials.ts";
import { assertDuration, assertKnownOptions } from "../errors/check-options.ts";
import { HandshakeError } from "../errors/handshake-error.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { Routine, RoutineBody, RoutineCall } from "../routine/routine-types.ts";
import { parseGrpcAddress } from "../transport/grpc/address.ts";
import type { UnaryOptions } from "../transport/grpc/unary.ts";
import { hostId } from "../transport/unix/host-id.ts";
import { socketDirectory } from "../transport/unix/runtime-directory.ts";
import { controlSocketPath } from "../transport/unix/socket-path.ts";
import { parseWorkerMetadata } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { showCallers } from "./call/caller-frames.ts";
import { connectWorker, makeHello } from "./connection/connect-worker.ts";
import { DescribedWorker } from "./connection/described-worker.ts";
import { localSocketOf } from "./connection/local-socket.ts";
import { probeWorker } from "./connection/probe-worker.ts";
import { findControlSocket } from "./control-socket.ts";
import { WorkerProxy } from "./worker-proxy.ts";

/** How a {@link WorkerConnection} waits. */
export interface WorkerConnectionOptions {
  /**
   * Milliseconds, from 1, that each of `describe`, `idle` and `stop` may take, connecting included, and that a
   * call waits for the worker to be reached; `Infinity` for no limit. Default 5 000.
   */
  readonly timeout?: number | undefined;
  /** Proves who this side is, and by what it knows the worker, on networks. Default: none. */
  readonly credentials?: WorkerCredentials | undefined;
}

/** How a worker is told to stop. */
export interface StopWorkerOptions {
  /**
   * Milliseconds, from 0, granted to calls in flight: 0 ends them at once, `Infinity` waits for all of them.
   * Default 60 000.
   */
  readonly grace?: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_GRACE_MS = 60_000;

/**
 * Talks to exactly one worker.
 *
 * Nothing is opened until it is needed, and nothing but calls and requests under way keeps the process alive. A
 * worker on this host is reached over its sockets, another over the network. A worker that listens on no
 * network only takes calls: only its parent can ask whether it is idle, or stop it.
 *
 * @example
 * await using pool = await WorkerPool.open({ size: 2, ambient: false });
 * for (const worker of pool.workers) {
 *   await using connection = new WorkerConnection(worker);
 *   console.log(worker.pid, await connection.dispatch(add, 1, 2));
 * }
 */
export class WorkerConnection implements CallTarget, AsyncDisposable {
  readonly #address: string;
  readonly #timeoutMs: number;
  readonly #credentials: WorkerCredentials | undefined;
  readonly #trust: Trust | undefined;
  #worker: WorkerMetadata | undefined;
  #proxy: WorkerProxy | undefined;
  /** Finds out who is at the address, if only the address is known. */
  #described: DescribedWorker | undefined;
  readonly #abort = new AbortController();

  /**
   * @param workerOrAddress The worker's record, or its address: `host:port`, `[v6]:port` or `unix:/path`. A record
   *   stands for that one worker. An address stands for whichever worker is there, also after a restart: it is asked
   *   for its record before the first call and whenever it cannot be reached, and calls go to the address given,
   *   whatever the worker takes its own to be. A worker that listens on no network cannot be asked, and is called by
   *   its record only. Calls made by routines that run there do not reach back to it.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) for a malformed record or
   *   address, or a bad option.
   */
  constructor(workerOrAddress: WorkerMetadata | string, options: WorkerConnectionOptions = {}) {
    assertKnownOptions(options, { timeout: true, credentials: true });
    const { timeout = DEFAULT_TIMEOUT_MS } = options;
    assertDuration("timeout", timeout, { least: 1 });
    this.#timeoutMs = timeout;
    this.#credentials = options.credentials;
    this.#trust = trustOf(options.credentials);
    if (typeof workerOrAddress === "string") {
      parseGrpcAddress(workerOrAddress);
      this.#address = workerOrAddress;
      return;
    }
    const worker = parseWorkerMetadata(workerOrAddress, { unix: true });
    if (worker === undefined) {
      throw new InvalidOptionError("worker", {
        value: workerOrAddress,
        expected: "a complete worker record, or an address",
      });
    }
    this.#worker = worker;
    this.#address = worker.address;
  }

  /**
   * Asks the worker for its record.
   *
   * @throws {@link HandshakeError} (fault: network) when it cannot be reached, or is another worker than the
   *   record given says; {@link VersionError} when its version does not fit; {@link ProtocolError} for an answer
   *   that is not a record.
   */
  async describe(): Promise<WorkerMetadata> {
    this.#assertOpen("describe the worker");
    return await this.#request(() => this.#describe(this.#unaryOptions()));
  }

  /**
   * Asks the worker how long it has had nothing to do.
   *
   * @returns Milliseconds; 0 while it has calls in flight.
   * @throws {@link HandshakeError} when it cannot be reached, or listens on no network.
   */
  async idle(): Promise<number> {
    this.#assertOpen("ask for the idle time");
    return await this.#request(async () => {
      const address = this.#controlAddress("ask for the idle time");
      const { workerIdleTime } = await unaryCalls();
      return await workerIdleTime(address, this.#unaryOptions());
    });
  }

  /**
   * Tells the worker to take no more calls, to end, and how long calls in flight may take. Resolves when the
   * worker has taken this, not when it has ended.
   *
   * A worker takes this over its control socket, from programs of the same user on its own host. There it is found by
   * its uid, whether it is named by its address or by a record that tells nothing of sockets.
   *
   * @throws {@link HandshakeError} when it cannot be reached, listens on no network, or is on another host or another
   *   user's; the message has its explanation.
   * @throws {@link InvalidOptionError} for a bad option.
   */
  async stop(options: StopWorkerOptions = {}): Promise<void> {
    this.#assertOpen("stop the worker");
    assertKnownOptions(options, { grace: true });
    const { grace = DEFAULT_GRACE_MS } = options;
    assertDuration("grace", grace);
    await this.#request(() => this.#stop(grace));
  }

  /**
   * Calls a routine on this worker. The connection can also be given to the routine itself, with options:
   * `add.with({ pool: connection, signal })(1, 2)`.
   *
   * @returns What the routine returns: a promise or an async generator. Errors reject; nothing is thrown at once.
   */
  dispatch<F extends RoutineBody>(
    routine: Routine<F>,
    ...parameters: Parameters<F>
  ): ReturnType<RoutineCall<F>> {
    // The call's own types are kept by the signature; inside they are too generic to be applied.
    const call = routine.with({ pool: this }) as (...parameters: Parameters<F>) => ReturnType<RoutineCall<F>>;
    return call(...parameters);
  }

  /** The dispatcher of its calls; for the library's own use. */
  get dispatcher(): Dispatcher {
    this.#proxy ??= this.#openProxy();
    this.#described?.wanted();
    return this.#proxy.dispatcher;
  }

  /** Ends it: calls and requests under way reject with `PoolClosedError`. The worker goes on. Idempotent. */
  async close(): Promise<void> {
    if (!this.#abort.signal.aborted) this.#abort.abort(closedError("complete the request"));
    this.#proxy ??= this.#openProxy();
    await this.#proxy.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Keeps the process alive meanwhile, and shows who waits in the error of a request that fails. */
  async #request<T>(ask: () => Promise<T>): Promise<T> {
    keepAlive();
    try {
      return await ask();
    } catch (error) {
      showCallers(error);
      throw error;
    } finally {
      letExit();
    }
  }

  async #describe(options: UnaryOptions): Promise<WorkerMetadata> {
    const known = this.#worker;
    const control = this.#findControlAddress();
    if (control === undefined && known !== undefined) {
      // A worker at this socket only takes calls; whether it is there, and who it is, shows when it greets.
      await probeWorker(
        known,
        {
          connect: (worker) => connectWorker(worker, this.#trust),
          hello: makeHello,
          connectTimeoutMs: this.#timeoutMs,
        },
        this.#abort.signal,
      );
      return known;
    }
    const address = this.#controlAddress("describe the worker");
    const { describeWorker } = await unaryCalls();
    const worker = await describeWorker(address, options);
    if (known !== undefined && worker.uid !== known.uid) {
      throw new HandshakeError(
        `Expected worker '${known.uid}' at '${this.#address}', found '${worker.uid}': the record is stale or forged`,
      );
    }
    return worker;
  }

  async #stop(graceMs: number): Promise<void> {
    const endMs = deadlines.now() + this.#timeoutMs;
    const timeLeft = (): UnaryOptions => ({
      ...this.#unaryOptions(),
      timeoutMs: Math.max(1, endMs - deadlines.now()),
    });
    const { describeWorker, requestStop } = await unaryCalls();
    if (this.#worker === undefined && this.#address.startsWith("unix:")) {
      await requestStop(this.#controlAddress("stop the worker"), { ...timeLeft(), graceMs });
      return;
    }
    const worker = this.#worker ?? (await describeWorker(this.#address, timeLeft()));
    // Whoever has found it by a network has not been told which host it is on: its own sockets know.
    const here = worker.hostId === undefined ? undefined : worker.hostId === hostId();
    const { timeoutMs = 0 } = timeLeft();
    const control =
      here === false ? undefined : await findControlSocket(worker, { timeoutMs, signal: this.#abort.signal });
    if (control !== undefined) {
      await requestStop(`unix:${control}`, { ...timeLeft(), graceMs });
      return;
    }
    const address = networkAddress(this.#address, "stop the worker", this.#worker);
    try {
      await requestStop(address, { ...timeLeft(), graceMs });
    } catch (error) {
      if (here !== true || !(error instanceof HandshakeError)) throw error;
      throw new HandshakeError(
        `${error.message}. It is on this host, but none of the sockets in '${socketDirectory()}' is its own: it belongs to another user or container, or was started with another XDG_RUNTIME_DIR or TMPDIR; stop it from there, or end its process (${worker.pid})`,
        { cause: error },
      );
    }
  }

  #openProxy(): WorkerProxy {
    const options = { quorumTimeout: this.#timeoutMs, credentials: this.#credentials };
    let proxy: WorkerProxy;
    if (this.#worker !== undefined) proxy = new WorkerProxy({ workers: [this.#worker], ...options });
    else {
      const described = new DescribedWorker(this.#address, (options) =>
        this.#describe({
          ...this.#unaryOptions(),
          ...options,
          timeoutMs: Math.min(this.#timeoutMs, options.timeoutMs),
        }),
      );
      this.#described = described;
      proxy = new WorkerProxy(
        { discovery: described, ...options },
        { lastStartError: () => described.lastError, silent: true },
      );
    }
    // Opened within this turn; it starts with the first call.
    proxy.open().catch(() => {});
    return proxy;
  }

  /** Where the worker takes requests that are not calls. */
  #controlAddress(action: string): string {
    return this.#findControlAddress() ?? networkAddress(this.#address, action, this.#worker);
  }

  #findControlAddress(): string | undefined {
    const worker = this.#worker;
    const socket =
      worker === undefined
        ? parseGrpcAddress(this.#address).local
          ? this.#address.slice("unix:".length)
          : undefined
        : localSocketOf(worker, hostId());
    if (socket !== undefined) {
      // Without a record, the address may be that of the control socket itself.
      const control = socket.endsWith(controlSocketPath("")) ? socket : controlSocketPath(socket);
      if (existsSync(control)) return `unix:${control}`;
    }
    return this.#address.startsWith("unix:") ? undefined : this.#address;
  }

  #unaryOptions(): UnaryOptions {
    return {
      timeoutMs: this.#timeoutMs,
      signal: this.#abort.signal,
      settings: this.#worker?.options,
      trust: this.#trust,
      identity: this.#worker?.identity,
    };
  }

  #assertOpen(action: string): void {
    if (this.#abort.signal.aborted) throw closedError(action);
  }
}

/** Loaded on first use: most programs have no network. */
function unaryCalls(): Promise<typeof import("../transport/grpc/unary.ts")> {
  return import("../transport/grpc/unary.ts");
}

/**
 * @throws {@link HandshakeError} for an address that is a socket's: the worker takes nothing there but calls, and those
 *   only of callers that know its uid.
 */
function networkAddress(address: string, action: string, known: WorkerMetadata | undefined): string {
  if (!address.startsWith("unix:")) return address;
  const cannot = `Cannot ${action} at '${address}'`;
  if (!existsSync(address.slice("unix:".length))) {
    throw new HandshakeError(
      `${cannot}: there is no such socket; check the path, and whether the worker runs`,
    );
  }
  throw new HandshakeError(
    known === undefined
      ? `${cannot}: its worker listens on no network and cannot be asked who it is; to call it, give WorkerConnection its record in place of the address (from the 'workers' of its pool, or a discovery), or start it with 'host' to have it listen for more`
      : `${cannot}: the worker serves calls on its socket only; start it with 'host' to have it listen for more`,
  );
}

function closedError(action: string): PoolClosedError {
  return new PoolClosedError(`Cannot ${action}: the connection has been closed`);
}

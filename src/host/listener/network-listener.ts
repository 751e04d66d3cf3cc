/**
 * The main thread's side of a worker's listener thread: starts it, serves the sessions it hands over, and ends it.
 * The thread itself is in `thread.ts`.
 */
import type { Worker } from "node:worker_threads";
import type { TrustMaterial } from "../../credentials/trust.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { errorText } from "../../internal/error-text.ts";
import { type PackageFile, packageFile } from "../../internal/package-files.ts";
import { startThread } from "../../internal/start-thread.ts";
import { waitAtMost } from "../../internal/time/wait.ts";
import type { Carrier } from "../../session/carrier.ts";
import { PortCarrier } from "../../transport/thread/port-carrier.ts";
import { encodeWorkerMetadata } from "../../wire/messages/service-messages.ts";
import { version } from "../../wire/version.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { ListenerInit, ListenerMessage, MainMessage } from "./messages.ts";

/** How long the thread may take to end, beyond the time granted to its connections. */
const TERMINATION_GRACE_MS = 1_000;

/** The thread's entry module. */
const THREAD: PackageFile = { source: "host/listener/thread", built: "host/listener" };

/** The worker as its listener sees it. */
export interface NetworkListenerOptions extends ListenerInit {
  /** Takes a new connection. */
  readonly serve: (carrier: Carrier) => void;
  /** What a caller might call, as bytes. */
  readonly access: (request: Uint8Array) => Uint8Array;
  /** The worker has been told to stop: `graceMs` for calls in flight, `Infinity` for no limit. */
  readonly stop: (graceMs: number) => void;
}

/** A running listener thread. */
export class NetworkListener {
  /** The address bound. */
  readonly host: string;
  readonly port: number;
  readonly #thread: Worker;
  readonly #exited: Promise<void>;
  readonly #closed: Promise<void>;
  readonly #state: ListenerState;
  #closing: Promise<void> | undefined;

  /**
   * Starts the thread. Resolves when it listens; when that fails, it has ended.
   *
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `host`, `port` or `health`) if it cannot listen there.
   */
  static async start(options: NetworkListenerOptions): Promise<NetworkListener> {
    const { serve, access, stop, ...init } = options;
    const thread = startListener(init);
    const state: ListenerState = { closing: false };
    const listening = createDeferred<{ readonly host: string; readonly port: number }>();
    const closed = createDeferred<void>();
    const exited = createDeferred<void>();
    thread.on("message", (message: ListenerMessage) => {
      switch (message.type) {
        case "listening":
          listening.resolve(message);
          return;
        case "failed":
          listening.reject(explainFailure(message));
          return;
        case "session": {
          const { port, memory, peer, description } = message;
          if (state.closing) port.close();
          else serve(new PortCarrier(port, { memory, side: 1, peer, description, relayed: true }));
          return;
        }
        case "access":
          message.port.postMessage(answerAccess(message.request, access));
          message.port.close();
          return;
        case "stop":
          stop(message.graceMs);
          return;
        case "closed":
          closed.resolve();
      }
    });
    thread.once("exit", () => {
      exited.resolve();
      listening.reject(new Error("Cannot listen on the network: the listener thread has ended"));
    });
    thread.once("error", (error) => {
      listening.reject(error);
      // A worker that has lost its listener cannot be reached over the network, and could tell nobody: it ends.
      if (state.listening === true) throw error;
    });
    try {
      const { host, port } = await listening.promise;
      state.listening = true;
      return new NetworkListener({
        host,
        port,
        thread,
        state,
        closed: closed.promise,
        exited: exited.promise,
      });
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  private constructor(parts: {
    readonly host: string;
    readonly port: number;
    readonly thread: Worker;
    readonly state: ListenerState;
    readonly closed: Promise<void>;
    readonly exited: Promise<void>;
  }) {
    this.host = parts.host;
    this.port = parts.port;
    this.#thread = parts.thread;
    this.#state = parts.state;
    this.#closed = parts.closed;
    this.#exited = parts.exited;
  }

  /** Gives the thread the record with which it answers `describe`. */
  announce(worker: WorkerMetadata): void {
    this.#send({ type: "record", record: encodeWorkerMetadata(worker) });
  }

  /** Tells whoever watches the worker's health that it takes no more calls. */
  leave(): void {
    this.#send({ type: "leave" });
  }

  /** Gives the thread other keys for new connections. */
  renew(material: TrustMaterial): void {
    this.#send({ type: "renew", material });
  }

  /**
   * Takes no more connections, waits until those there are have ended, and ends the thread. Idempotent.
   *
   * @param graceMs Milliseconds after which the remaining connections are cut off.
   */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#state.closing = true;
    this.#send({ type: "close", graceMs });
    await waitAtMost(graceMs + TERMINATION_GRACE_MS, Promise.race([this.#closed, this.#exited]));
    await this.#thread.terminate();
  }

  #send(message: MainMessage): void {
    this.#thread.postMessage(message);
  }
}

function answerAccess(request: Uint8Array, access: NetworkListenerOptions["access"]): Uint8Array | string {
  try {
    return access(request);
  } catch (error) {
    return errorText(error);
  }
}

interface ListenerState {
  listening?: boolean;
  closing: boolean;
}

function startListener(init: ListenerInit): Worker {
  const { NODE_OPTIONS: _, ...env } = process.env;
  // This thread runs none of the user's code: loaders and preloaded modules would only cost their time again.
  const options = { name: "merino listener", execArgv: [], env };
  const entry = packageFile(THREAD, version);
  if (typeof entry === "string") throw new Error(`Cannot listen on a network: ${entry}`);
  return startThread(entry, { ...options, workerData: { init } });
}

function explainFailure(failure: Extract<ListenerMessage, { readonly type: "failed" }>): Error {
  const { option, message } = failure;
  return option === undefined ? new Error(message) : new InvalidOptionError(option.name, option);
}

/**
 * A worker within the program: serves tasks as a worker process does, from the connection inwards, with the routines that
 * the program has. Loaded by those pools alone that have one.
 */
import { AsyncResource } from "node:async_hooks";
import type { Dispatcher } from "../../context/dispatcher.ts";
import { amountsOf, type Resources } from "../../internal/amounts.ts";
import { waitAtMost } from "../../internal/time/wait.ts";
import { processReferences } from "../../routine/process-references.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import { DEFAULT_LIMITS, FEATURES } from "../../session/limits.ts";
import { pairCarriers } from "../../transport/memory/carrier.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import { version, WIRE_CODEC } from "../../wire/version.ts";
import { AccessRules } from "../../worker/access/access-rules.ts";
import { TaskServer } from "../../worker/task-server.ts";
import { localRoutines } from "./local-routines.ts";

/** How long tasks may take to answer the abort of their signals when the worker ends. */
const FAREWELL_MS = 500;

/** A worker that serves. */
export class LocalService {
  readonly #tasks: TaskServer;
  readonly #address: string;
  /** Of the pool that was opened: bodies run in these, also those that other bodies call. */
  readonly #surroundings = new AsyncResource("MERINO_LOCAL_WORKER");

  /** @param nested Carries the calls that its tasks make. */
  constructor(options: {
    readonly uid: string;
    readonly address: string;
    readonly resources: Resources | undefined;
    readonly nested: () => Dispatcher;
  }) {
    const { uid, address, resources, nested } = options;
    this.#address = address;
    this.#tasks = new TaskServer({
      hello: {
        session: 0,
        version,
        uid,
        runtime: "node",
        codecs: [WIRE_CODEC],
        features: FEATURES,
        limits: DEFAULT_LIMITS,
      },
      resolver: localRoutines,
      references: processReferences,
      access: new AccessRules(undefined),
      origin: `this process (${process.pid})`,
      maxRootTasks: 2 * DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls,
      resources: amountsOf(resources),
      nestedDispatcher: (descriptor) => (descriptor === undefined ? undefined : nested()),
      explainError: (_, error) => error,
    });
  }

  /** The caller's end of a new connection to it. */
  connect(): Carrier {
    const [caller, worker] = pairCarriers(this.#address, this.#surroundings);
    this.#tasks.serve(worker);
    return caller;
  }

  /** Tells its tasks that it ends; takes no more root calls, except those of one connection. */
  drain(except: ConnectionId | undefined): void {
    this.#tasks.drain(except);
  }

  /** Ends what is running, as far as the bodies heed their signals, and closes every connection. */
  async stop(): Promise<void> {
    const tasks = this.#tasks;
    tasks.drain();
    tasks.stopAll();
    await waitAtMost(FAREWELL_MS, tasks.idle());
    tasks.forsakeAll();
    await waitAtMost(FAREWELL_MS, tasks.caughtUp());
    tasks.close();
  }
}

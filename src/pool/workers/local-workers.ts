/**
 * What a pool without workers has in their place: one that runs bodies in the program itself. Calls take the way that
 * they take to a process, and are encoded and decoded on it; only the connection is in memory.
 */
import { randomUUID } from "node:crypto";
import { WorkerProxy } from "../../client/worker-proxy.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { WorkerStartError } from "../../errors/worker-start-error.ts";
import type { Resources } from "../../internal/amounts.ts";
import { createDeferred } from "../../internal/deferred.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import type { Carrier } from "../../session/carrier.ts";
import type { ConnectionId } from "../../session/connection-id.ts";
import { beginLocalLife, endLocalLife } from "../../state/worker-hooks.ts";
import { findValue, type WarmValue } from "../../state/worker-values.ts";
import { hostId } from "../../transport/unix/host-id.ts";
import { ownBuild } from "../../wire/build.ts";
import { version, WIRE_CODEC } from "../../wire/version.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { WorkerEvent } from "../pool-event.ts";
import type { LocalService } from "./local-service.ts";
import type { PoolWorkers } from "./pool-workers.ts";

/** The pool as its local worker sees it. */
export interface LocalWorkersOptions {
  /** The pool's id. */
  readonly pool: string;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /** Values that the program has before the pool is open. */
  readonly warm: readonly WarmValue[];
  /** What the program has of what routines can need. */
  readonly resources?: Resources | undefined;
  readonly ready: (worker: WorkerMetadata, hidden: boolean) => void;
  readonly gone: (uid: string, metadata: WorkerMetadata | undefined) => void;
  readonly event: (event: WorkerEvent) => void;
  /** The id under which the worker knows the pool's connection; `undefined` while there is none. */
  readonly connectionTo: (uid: string) => ConnectionId | undefined;
}

/** The one worker, in the program itself. */
export class LocalWorkers implements PoolWorkers {
  readonly lastStartError: undefined;
  readonly size = 0;
  readonly recycled = 0;
  readonly recyclingNow: readonly string[] = [];
  readonly #options: LocalWorkersOptions;
  readonly #record: WorkerMetadata;
  readonly #connected = createDeferred();
  #service: LocalService | undefined;
  /** Carries the calls that bodies make, which are taken while the pool itself takes none any more. */
  #nested: WorkerProxy | undefined;
  /** Whether the functions and values of workers have begun in the program. */
  #living = false;
  #stopping = false;

  constructor(options: LocalWorkersOptions) {
    this.#options = options;
    const uid = randomUUID();
    const build = ownBuild();
    this.#record = {
      uid,
      address: `memory:${uid}`,
      pid: process.pid,
      version,
      tags: options.tags,
      extra: options.extra,
      secure: true,
      options: {},
      runtime: "node",
      codecs: [WIRE_CODEC],
      hostId: hostId(),
      ...(build !== undefined && { build }),
      ...(options.resources !== undefined && { resources: options.resources }),
    };
  }

  get due(): boolean {
    return !this.#stopping;
  }

  /** Connects to it, as whoever calls its routines. */
  readonly connect = async ({ uid }: WorkerMetadata): Promise<Carrier> => {
    if (this.#service !== undefined && uid === this.#record.uid && !this.#stopping) {
      return this.#service.connect();
    }
    throw new HandshakeError(`The worker '${uid}' is not in this process, or has ended`);
  };

  prepare(): void {
    // There is nothing to start.
  }

  async start(): Promise<readonly unknown[]> {
    const { event, ready } = this.#options;
    const { uid } = this.#record;
    event({ type: "worker-starting", uid });
    // A worker's half of the library, which programs with worker processes never load.
    const { LocalService } = await import("./local-service.ts");
    if (this.#stopping) return [];
    try {
      this.#living = true;
      await beginLocalLife();
      await Promise.all(this.#options.warm.map((value) => get(value)));
    } catch (error) {
      return [error];
    }
    if (this.#stopping) return [];
    this.#service = new LocalService({
      uid,
      address: this.#record.address,
      resources: this.#options.resources,
      nested: () => this.#nestedProxy().dispatcher,
    });
    event({ type: "worker-ready", uid, pid: process.pid });
    ready(this.#record, true);
    return [];
  }

  async describeLoss(): Promise<undefined> {
    return undefined; // it ends with the program, or with the pool
  }

  kill(): void {
    // What blocks it blocks the caller as well, which has not been waiting meanwhile.
  }

  replace(): boolean {
    return false;
  }

  connected(): void {
    this.#connected.resolve();
  }

  async awaitConnections(): Promise<void> {
    await this.#connected.promise;
  }

  drain(): void {
    this.#service?.drain(this.#options.connectionTo(this.#record.uid));
  }

  renew(): void {
    // A module that is evaluated again has replaced its routines here already.
  }

  grow(): void {
    // There is the program, and no more of it.
  }

  shrink(): number {
    return 0;
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#connected.resolve();
    const { uid } = this.#record;
    if (!this.#living) return;
    if (this.#service !== undefined) this.#options.event({ type: "worker-stopping", uid });
    keepAlive(); // no process and no socket does
    try {
      await this.#service?.stop();
      await this.#nestedProxy().close(); // also if there was none: bodies that go on get no new one
      await endLocalLife();
    } finally {
      letExit();
    }
    if (this.#service === undefined) return;
    this.#options.event({
      type: "worker-exited",
      uid,
      pid: process.pid,
      exitCode: undefined,
      signal: undefined,
      expected: true,
      stderr: "",
    });
    this.#options.gone(uid, this.#record);
  }

  #nestedProxy(): WorkerProxy {
    if (this.#nested !== undefined) return this.#nested;
    const { pool } = this.#options;
    const proxy = new WorkerProxy({}, { id: pool, reserved: 1, connect: this.connect });
    void proxy.open(); // has nothing to make, and cannot fail
    proxy.adopt(this.#record);
    this.#nested = proxy;
    return proxy;
  }
}

function get(wanted: WarmValue): Promise<unknown> {
  const value = findValue(wanted);
  if (value === undefined)
    throw new WorkerStartError(`it has no value '${wanted.id}' of perWorker() any more`);
  return value.get();
}

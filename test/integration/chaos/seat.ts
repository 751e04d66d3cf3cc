/** A place in the network with a worker behind it: the worker ends and is started again, the place stays. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WorkerConnection, type WorkerCredentials } from "merino";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { descriptorsOf } from "./processes.ts";
import { type Place, TcpProxy } from "./tcp-proxy.ts";

const COMMAND = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const JOBS = fileURLToPath(new URL("./jobs.ts", import.meta.url));
/** What a worker that drains grants to calls under way. */
const GRACE_MS = 2_000;

/** What all workers are started with. */
export interface SeatOptions {
  readonly discovery: string;
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly env: Readonly<Record<string, string>>;
  /** Of somebody who may ask the workers who they are. */
  readonly credentials: WorkerCredentials;
}

/** A worker: the process of the command, and the one that serves. */
interface SeatedWorker {
  readonly supervisor: ChildProcess;
  readonly exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
  readonly stderr: () => string;
  readonly pid: number;
  /** What has been done to it. */
  readonly wounds: string[];
  /** What it had open when it began to serve. */
  readonly descriptors: readonly string[];
}

/** Such a place. Disposing ends the worker that is there, at once, and every connection. */
export class Seat implements AsyncDisposable {
  readonly proxy: TcpProxy;
  /** Where the worker itself listens. */
  readonly place: Place;
  readonly #options: SeatOptions;
  readonly #findings: string[];
  #worker: SeatedWorker | undefined;
  #starting: Promise<void> | undefined;
  /** Workers that have been started. */
  starts = 0;

  private constructor(proxy: TcpProxy, place: Place, how: { options: SeatOptions; findings: string[] }) {
    this.proxy = proxy;
    this.place = place;
    this.#options = how.options;
    this.#findings = how.findings;
  }

  /**
   * Opens the place; there is no worker yet.
   *
   * @param findings Gets what should not have happened.
   */
  static async open(
    where: { readonly proxy: Place; readonly worker: Place },
    how: { readonly options: SeatOptions; readonly findings: string[] },
  ): Promise<Seat> {
    return new Seat(await TcpProxy.start(where.proxy, where.worker), where.worker, how);
  }

  /** The process that serves; undefined while there is none. */
  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  get address(): string {
    return `${this.place.host}:${this.place.port}`;
  }

  /** What the worker has open that it had not when it began to serve. */
  get opened(): readonly string[] {
    const worker = this.#worker;
    if (worker === undefined) return [];
    const before = [...worker.descriptors];
    return descriptorsOf(worker.pid).filter((target) => {
      const place = before.indexOf(target);
      if (place !== -1) before.splice(place, 1);
      return place === -1;
    });
  }

  /** Starts a worker unless there is one. Resolves when it serves. */
  start(): Promise<void> {
    if (this.#worker !== undefined) return Promise.resolve();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Sends a signal to the process that serves, or to that of the command. Whether there was one. */
  signal(signal: NodeJS.Signals, to: "worker" | "supervisor"): boolean {
    const worker = this.#worker;
    if (worker === undefined) return false;
    worker.wounds.push(`${signal} to the ${to}`);
    try {
      return process.kill(to === "worker" ? worker.pid : (worker.supervisor.pid ?? 0), signal);
    } catch {
      return false; // it has just ended
    }
  }

  /** Resolves when there is no worker any more. */
  async gone(): Promise<void> {
    await this.#worker?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#starting;
    this.signal("SIGKILL", "supervisor");
    await this.gone();
    await this.proxy[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    for (;;) {
      const stderr = await this.#attempt();
      if (stderr === undefined) return;
      // Whoever keeps a service running starts it again; here the files may just be torn.
      if (!stderr.includes("Cannot use the credentials")) {
        this.#findings.push(`A worker at ${this.address} did not start: ${stderr}`);
        return;
      }
    }
  }

  /** @returns What a worker has said that did not start. */
  async #attempt(): Promise<string | undefined> {
    this.starts += 1;
    const { discovery, files, env } = this.#options;
    const { host, port } = this.place;
    const supervisor = spawn(
      process.execPath,
      [
        ...TYPESCRIPT_FLAGS,
        ...[COMMAND, "worker", JOBS, "--host", host, "--port", String(port), "--discovery", discovery],
        ...["--ca", files.ca, "--cert", files.cert, "--key", files.key],
        ...["--keepalive-time", "1000", "--keepalive-timeout", "1000", "--grace", String(GRACE_MS)],
      ],
      {
        env: { ...process.env, ...env, NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let stderr = "";
    supervisor.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const exited = once(supervisor, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    await Promise.race([once(createInterface({ input: supervisor.stdout }), "line"), exited]);
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) return stderr;
    const { credentials } = this.#options;
    await using connection = new WorkerConnection(this.address, { credentials, timeout: 20_000 });
    const { pid } = await connection.describe();
    const worker = {
      supervisor,
      exited,
      pid,
      stderr: () => stderr,
      wounds: [] as string[],
      descriptors: descriptorsOf(pid),
    };
    this.#worker = worker;
    void exited.then(([code, signal]) => this.#ended(worker, code ?? signal));
    return undefined;
  }

  #ended(worker: SeatedWorker, how: number | string | null): void {
    if (this.#worker === worker) this.#worker = undefined;
    const wounds = worker.wounds.join(", ");
    const stderr = worker.stderr();
    const asked = wounds === "SIGTERM to the supervisor";
    if (wounds === "" || (asked && how !== 0)) {
      this.#findings.push(
        `A worker at ${this.address} ended with ${how} after: ${wounds || "nothing"}\n${stderr}`,
      );
    } else if (/MERINO_BUG|\n {4}at /.test(stderr)) {
      this.#findings.push(`A worker at ${this.address} has said: ${stderr}`);
    }
  }
}

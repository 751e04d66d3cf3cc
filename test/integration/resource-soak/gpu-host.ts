/** A host of the soak: a network worker with two GPUs, started again whenever it has been killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { GPUS } from "./jobs.ts";

const COMMAND = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const JOBS = fileURLToPath(new URL("./jobs.ts", import.meta.url));

/** One host. Disposing ends its worker. */
export class GpuHost implements AsyncDisposable {
  readonly #folder: string;
  readonly #discovery: string;
  #worker: ChildProcess | undefined;
  #closed = false;
  /** Workers that have served. */
  starts = 0;

  private constructor(folder: string, discovery: string) {
    this.#folder = folder;
    this.#discovery = discovery;
  }

  /** Resolves when its worker serves. */
  static async open(folder: string, discovery: string): Promise<GpuHost> {
    await mkdir(folder, { recursive: true });
    const host = new GpuHost(folder, discovery);
    await host.#start();
    return host;
  }

  /** What bodies have found that should not be. */
  get violations(): readonly string[] {
    const file = path.join(this.#folder, "violations");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  /** GPUs that bodies hold now. */
  get held(): number {
    return readdirSync(this.#folder).filter((name) => name.startsWith("gpu-")).length;
  }

  /** Kills whatever runs bodies, and starts another one. Resolves when that serves. */
  async kill(): Promise<void> {
    const worker = this.#worker;
    if (worker?.pid === undefined || this.#closed) return;
    this.#worker = undefined;
    const children = readFileSync(`/proc/${worker.pid}/task/${worker.pid}/children`, "utf8").trim();
    for (const pid of children.split(" ").filter((text) => text !== "")) process.kill(Number(pid), "SIGKILL");
    await once(worker, "close"); // the command ends once its worker has gone
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith("gpu-")) rmSync(path.join(this.#folder, name)); // of bodies that have gone with it
    }
    if (!this.#closed) await this.#start();
  }

  async #start(): Promise<void> {
    const worker = spawn(
      process.execPath,
      [
        ...TYPESCRIPT_FLAGS,
        ...[COMMAND, "worker", JOBS, "--host", "127.0.0.1", "--insecure", "--discovery", this.#discovery],
        ...["--resource", `gpu=${GPUS}`],
      ],
      {
        env: {
          ...process.env,
          SOAK_LOCKS: this.#folder,
          NODE_OPTIONS: undefined,
          NODE_TEST_CONTEXT: undefined,
        },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    await Promise.race([once(createInterface({ input: worker.stdout }), "line"), once(worker, "close")]);
    if (worker.exitCode !== null) throw new Error(`A worker of the soak did not start: ${worker.exitCode}`);
    this.#worker = worker;
    this.starts += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.kill("SIGTERM");
    await once(worker, "close");
  }
}

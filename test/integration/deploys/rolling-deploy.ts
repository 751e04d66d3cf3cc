/**
 * Rolling deploys under load: the workers of one build are replaced by those of the next, one at a time, while callers of
 * both builds call all the time, each pool with `build: "same"`.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { LocalDiscovery, type Routine, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { useEnvironment } from "../../support/use-environment.ts";
import { type CommandProcess, routinePackage, startCommand } from "../cli/cli-support.ts";

const NAMESPACE = "rolling-deploy";
const LANES = 6;
/** How many calls every caller there is makes between two steps of a deploy. */
const CALLS_BETWEEN = 60;
/** Processes start slowly on a machine that is busy. */
const STEP_MS = 60_000;

const SOURCE = `
const mine = () => process.env.MERINO_BUILD;
export const build = routine(async function build(ms) { if (ms > 0) await pause(ms); return mine(); });
export const relay = routine(async function relay(ms) { return [mine(), await build(ms)]; });
export const stream = routine(async function* stream(count) { for (let n = 0; n < count; n++) yield mine(); });
`;

/** What {@link SOURCE} exports: each says which builds have run its call. */
interface Jobs {
  readonly build: Routine<(ms: number) => Promise<string>>;
  readonly relay: Routine<(ms: number) => Promise<readonly [string, string]>>;
  readonly stream: Routine<(count: number) => AsyncGenerator<string>>;
}

/** What has come of the calls. */
export interface DeployReport {
  readonly calls: number;
  /** Calls that another build than that of their caller has run, or a call nested in them. */
  readonly crossed: number;
  /** By what was said of them. */
  readonly failed: Readonly<Record<string, number>>;
  /** Workers that a pool had seen and not taken for their build, at some time. */
  readonly refused: number;
  /** Exit codes of the workers that were told to end. */
  readonly exitCodes: readonly number[];
}

/** Replaces all workers so many times, with a build of its own each time. */
export async function deployUnderLoad(options: {
  readonly deploys: number;
  readonly workers: number;
  /** Between three calls of a lane and the next three, in milliseconds. Default 0. */
  readonly pauseMs?: number;
}): Promise<DeployReport> {
  using environment = useEnvironment();
  using fixtures = routinePackage({ "jobs.js": SOURCE });
  const jobs = (await import(fixtures.url("jobs.js"))) as Jobs;
  const counts = { calls: 0, crossed: 0, refused: 0, failed: new Map<string, number>() };
  const exitCodes: number[] = [];
  await using started = disposables();

  const startWorker = async (build: string): Promise<CommandProcess> => {
    const words = ["worker", fixtures.path("jobs.js"), "--discovery", `local:${NAMESPACE}`, "--build", build];
    const worker = started.use(startCommand(words));
    await worker.serves();
    return worker;
  };
  const startCaller = async (build: string): Promise<Caller> => {
    environment.set("MERINO_BUILD", build);
    const discovery = new LocalDiscovery(NAMESPACE);
    const pool = await WorkerPool.open({ discovery, build: "same", ambient: false, lazy: false });
    return started.use(new Caller({ build, pool, jobs, counts, pauseMs: options.pauseMs ?? 0 }));
  };

  let caller: Caller | undefined;
  let old: CommandProcess[] = [];
  for (let deploy = 0; deploy <= options.deploys; deploy++) {
    const build = `build ${deploy}`;
    const young: CommandProcess[] = [];
    let next: Caller | undefined;
    for (let n = 0; n < options.workers; n++) {
      young.push(await startWorker(build));
      next ??= await startCaller(build);
      await Promise.all([caller?.progress(), next.progress()]);
      const leaving = old.shift();
      if (leaving === undefined) continue;
      // The last worker of a build goes after its last caller.
      if (old.length === 0) await caller?.close();
      leaving.child.kill("SIGTERM");
      await Promise.all([next.progress(), old.length > 0 ? caller?.progress() : undefined]);
      if (leaving.child.exitCode === null) await once(leaving.child, "exit");
      exitCodes.push(await leaving.exited);
    }
    caller = next;
    old = young;
  }
  await caller?.close();
  return { ...counts, failed: Object.fromEntries(counts.failed), exitCodes };
}

/** Disposes of what it has been given, the last first. */
function disposables(): AsyncDisposable & { use<T extends AsyncDisposable>(resource: T): T } {
  const resources: AsyncDisposable[] = [];
  return {
    use(resource) {
      resources.push(resource);
      return resource;
    },
    async [Symbol.asyncDispose]() {
      for (const resource of resources.reverse()) await resource[Symbol.asyncDispose]();
    },
  };
}

interface CallerOptions {
  readonly build: string;
  readonly pool: WorkerPool;
  readonly jobs: Jobs;
  readonly pauseMs: number;
  readonly counts: { calls: number; crossed: number; refused: number; readonly failed: Map<string, number> };
}

/** A program of one build that calls all the time, in several lanes. */
class Caller implements AsyncDisposable {
  readonly #options: CallerOptions;
  readonly #lanes: readonly Promise<void>[];
  #made = 0;
  #ending = false;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: LANES }, () => this.#lane());
  }

  /** Resolves when it has made some more calls. */
  async progress(): Promise<void> {
    const until = this.#made + CALLS_BETWEEN;
    await eventually(() => this.#made >= until, { withinMs: STEP_MS, what: "it calls" });
  }

  /** Ends in order: the calls under way are waited for. */
  async close(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const { pool, counts } = this.#options;
    counts.refused += pool.explain().refused.filter(({ reason }) => reason === "build").length;
    await Promise.all(this.#lanes);
    await pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #lane(): Promise<void> {
    const { pool, jobs, pauseMs } = this.#options;
    for (let n = 0; !this.#ending; n++) {
      await this.#count(async () => [await jobs.build.with({ pool })(n % 4)]);
      await this.#count(() => jobs.relay.with({ pool })(n % 3));
      await this.#count(async () => {
        const builds: string[] = [];
        for await (const build of jobs.stream.with({ pool })(3)) builds.push(build);
        return builds;
      });
      await pause(pauseMs);
    }
  }

  async #count(call: () => Promise<readonly string[]>): Promise<void> {
    const { counts, build } = this.#options;
    counts.calls += 1;
    try {
      if ((await call()).some((other) => other !== build)) counts.crossed += 1;
    } catch (error) {
      counts.failed.set(String(error), (counts.failed.get(String(error)) ?? 0) + 1);
    }
    this.#made += 1;
  }
}

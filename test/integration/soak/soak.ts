/**
 * Sustained load over a network whose links are cut, whose workers are killed, added and rolled over to a newer
 * version: every call settles, none runs twice, and no member is lost for good.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { useHosts } from "../../support/network-namespaces.ts";
import { drainWorker, type FleetWorker, killWorker, startWorker } from "./fleet.ts";
import { CALLER, JOBS } from "./programs.ts";
import { versionedPackage } from "./versioned-package.ts";

const LEAST_VALUES = 300;
const HOSTS = 3;
const WORKERS_PER_HOST = 2;
const NAMESPACE = "soak";
/** Shorter than a probe and the wait for its answer take. */
const SHORT_CUT_MS = 1_500;

/** How a round goes. */
interface Pace {
  /** Between two things that happen. */
  readonly lullMs: number;
  /** Longer than a probe and the wait for its answer take. */
  readonly longCutMs: number;
  /** Workers that are killed one after the other. */
  readonly kills: number;
  /** Between two calls of one lane of the caller. */
  readonly betweenCallsMs: number;
}

/** A minute, and its short form. Both have all that can happen. */
export const PACES = {
  minute: { lullMs: 3_500, longCutMs: 8_000, kills: 3, betweenCallsMs: 20 },
  short: { lullMs: 700, longCutMs: 4_500, kills: 1, betweenCallsMs: 120 },
} as const satisfies Record<string, Pace>;

/** How much is done. */
export interface SoakOptions {
  readonly pace: Pace;
  /** Default 1. */
  readonly rounds?: number;
  /** Gets what the calls have come to. */
  readonly say: (text: string) => void;
}

interface Report {
  readonly issued: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly examples: Readonly<Record<string, string>>;
  readonly wrong: number;
  readonly members: readonly {
    readonly uid: string;
    readonly address: string;
    readonly state: string;
    readonly version: string;
    readonly completed: number;
  }[];
  readonly refused: readonly unknown[];
}

/** Puts a fleet under load, and does to it what a round of the soak has. Rejects for whatever should not have happened. */
export async function runSoak({ pace, rounds = 1, say }: SoakOptions): Promise<void> {
  await using network = await useHosts(HOSTS + 1);
  const files = { "jobs.mjs": JOBS, "caller.mjs": CALLER };
  using older = versionedPackage("soak", "0.1.0", files);
  using newer = versionedPackage("soak", "0.2.0", files);
  const log = older.path("log");
  mkdirSync(log);
  const fleet = { namespace: NAMESPACE, log };
  const workerHosts = network.hosts.slice(0, HOSTS);
  let workers: FleetWorker[] = await Promise.all(
    workerHosts.flatMap((host) =>
      Array.from({ length: WORKERS_PER_HOST }, () => startWorker(host, older, fleet)),
    ),
  );
  const caller = startCaller(network.host(HOSTS).start, older.directory, {
    quorum: workers.length,
    betweenCallsMs: pace.betweenCallsMs,
  });
  const replace = async (
    worker: FleetWorker,
    end: (worker: FleetWorker) => Promise<void>,
    project = older,
  ) => {
    await end(worker);
    workers = [
      ...workers.filter((other) => other !== worker),
      await startWorker(worker.host, project, fleet),
    ];
  };
  const restart = () => replace(workers[0] as FleetWorker, killWorker);

  for (let round = 0; round < rounds; round += 1) {
    // A cut shorter than a probe takes, one in which connections are given up, and one the host itself sees.
    await pause(pace.lullMs);
    await network.host(0).cut({ silent: true });
    await pause(SHORT_CUT_MS);
    await network.host(0).restore();
    await pause(pace.lullMs);
    await network.host(1).cut({ silent: true });
    const restored = pause(pace.longCutMs).then(() => network.host(1).restore());
    await Promise.all([restored, pause(SHORT_CUT_MS).then(restart)]); // on whichever host
    await pause(pace.lullMs);
    await network.host(2).cut();
    await pause(pace.longCutMs / 2);
    await network.host(2).restore();
    // Killed ones are replaced, and one more joins.
    for (let kills = 0; kills < pace.kills; kills += 1) {
      await pause(pace.lullMs);
      await restart();
    }
    if (round === 0) workers = [...workers, await startWorker(network.host(0), older, fleet)];
    // Half of the fleet goes over to a newer minor version, one after the other.
    for (const worker of workers.slice(0, (HOSTS * WORKERS_PER_HOST) / 2)) {
      await pause(pace.lullMs);
      await replace(worker, drainWorker, newer);
    }
    await pause(pace.lullMs);
    await restart();
    await pause(pace.lullMs);
  }

  const { issued, outcomes, examples, wrong } = await caller.ask("end");
  const ids = readBodies(log);
  const runs = new Map<number, number>();
  for (const id of ids) runs.set(id, (runs.get(id) ?? 0) + 1);
  const settled = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  say(
    `${issued} calls, ${settled} settled: ${JSON.stringify(outcomes)}; ${ids.length} bodies; ${JSON.stringify(examples)}`,
  );

  assert.ok((outcomes.value ?? 0) >= LEAST_VALUES, `${outcomes.value} calls had a value`);
  assert.equal(settled, issued);
  assert.equal(wrong, 0);
  assert.deepEqual(
    [...runs].filter(([, count]) => count > 1),
    [],
  );
  assert.ok(ids.length >= (outcomes.value ?? 0), `${ids.length} bodies for ${outcomes.value} values`);
  assert.deepEqual(
    Object.keys(outcomes).filter((outcome) => outcome !== "value" && outcome !== "ERR_MERINO_WORKER_LOST"),
    [],
  );
  // Everybody who lives is a member again, of whichever version.
  const versions = await eventually(
    async () => {
      const { members } = await caller.ask("report");
      const ready = members.filter(({ state }) => state === "ready");
      const complete = workers.every(({ address }) => ready.some((member) => member.address === address));
      return complete ? new Set(ready.map(({ version }) => version)) : undefined;
    },
    { withinMs: 45_000, everyMs: 500, what: "every living worker is a ready member" },
  );
  assert.deepEqual([...versions].sort(), ["0.1.0", "0.2.0"]);
  await caller.close();
  await Promise.all(workers.map(drainWorker));
}

/** Every id that a body has noted, in all files. */
function readBodies(log: string): readonly number[] {
  return readdirSync(log).flatMap((file) =>
    readFileSync(`${log}/${file}`, "utf8").split("\n").filter(Boolean).map(Number),
  );
}

function startCaller(
  start: (command: string, args: readonly string[], options: object) => ChildProcess,
  directory: string,
  { quorum, betweenCallsMs }: { readonly quorum: number; readonly betweenCallsMs: number },
) {
  const child = start(process.execPath, ["caller.mjs"], {
    cwd: directory,
    env: {
      SOAK_NAMESPACE: NAMESPACE,
      SOAK_QUORUM: String(quorum),
      SOAK_PAUSE: String(betweenCallsMs),
      NODE_OPTIONS: undefined,
      NODE_TEST_CONTEXT: undefined,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("The caller has no pipes");
  const lines = createInterface({ input: stdout });
  const exited = once(child, "exit");
  return {
    async ask(question: "report" | "end"): Promise<Report> {
      const answer = once(lines, "line");
      stdin.write(`${question}\n`);
      const ended = exited.then(([code]) => {
        throw new Error(`The caller ended with ${code}`);
      });
      const [line] = await Promise.race([answer, ended]);
      return JSON.parse(String(line)) as Report;
    },
    async close(): Promise<void> {
      stdin.write("close\n");
      const [code] = await exited;
      assert.equal(code, 0);
    },
  };
}

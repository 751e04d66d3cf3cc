/**
 * A minute of sustained load over a network whose links are cut, whose workers are killed, added and rolled
 * over to a newer version: every call settles, none runs twice, and no member is lost for good.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { useHosts } from "../../support/network-namespaces.ts";
import { drainWorker, type FleetWorker, killWorker, startWorker } from "./fleet.ts";
import { CALLER, JOBS } from "./programs.ts";
import { versionedPackage } from "./versioned-package.ts";

const LOAD_MS = 60_000;
const LEAST_CALLS = 5_000;
const HOSTS = 3;
const WORKERS_PER_HOST = 2;
const NAMESPACE = "soak";

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

test("A fleet under load settles every call once, whatever happens to its links and workers", {
  timeout: 240_000,
}, async (context) => {
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
  const started = performance.now();
  const caller = startCaller(network.host(HOSTS).start, older.directory, workers.length);
  const at = (ms: number) => pause(Math.max(0, started + ms - performance.now()));
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

  // A cut shorter than a probe takes, one in which connections are given up, and one the host itself sees.
  await at(5_000);
  await network.host(0).cut({ silent: true });
  await at(6_500);
  await network.host(0).restore();
  await at(9_000);
  await network.host(1).cut({ silent: true });
  await at(10_000);
  await replace(workers[0] as FleetWorker, killWorker); // on another host than the one that is cut off
  await at(16_000);
  await network.host(1).restore();
  await at(18_000);
  await network.host(2).cut();
  await at(22_000);
  await network.host(2).restore();
  // Killed ones are replaced, and one more joins.
  for (const ms of [25_000, 27_000, 29_000]) {
    await at(ms);
    await replace(workers[0] as FleetWorker, killWorker);
  }
  workers = [...workers, await startWorker(network.host(0), older, fleet)];
  // Half of the fleet goes over to a newer minor version, one after the other.
  await at(33_000);
  for (const worker of workers.slice(0, (HOSTS * WORKERS_PER_HOST) / 2)) {
    await replace(worker, drainWorker, newer);
  }
  await at(50_000);
  await replace(workers[0] as FleetWorker, killWorker);
  await at(LOAD_MS);

  const { issued, outcomes, examples, wrong } = await caller.ask("end");
  const ids = readBodies(log);
  const runs = new Map<number, number>();
  for (const id of ids) runs.set(id, (runs.get(id) ?? 0) + 1);
  const settled = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  context.diagnostic(
    `${issued} calls, ${settled} settled: ${JSON.stringify(outcomes)}; ${ids.length} bodies; ${JSON.stringify(examples)}`,
  );

  assert.ok(issued >= LEAST_CALLS, `${issued} calls`);
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
});

/** Every id that a body has noted, in all files. */
function readBodies(log: string): readonly number[] {
  return readdirSync(log).flatMap((file) =>
    readFileSync(`${log}/${file}`, "utf8").split("\n").filter(Boolean).map(Number),
  );
}

function startCaller(
  start: (command: string, args: readonly string[], options: object) => ChildProcess,
  directory: string,
  quorum: number,
) {
  const child = start(process.execPath, ["caller.mjs"], {
    cwd: directory,
    env: {
      SOAK_NAMESPACE: NAMESPACE,
      SOAK_QUORUM: String(quorum),
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

/**
 * The hybrid pool among the examples: a farm, and programs that use it with different leases. Needs the built
 * package, which the example imports by name.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { ROOT } from "../../support/repository.ts";
import {
  type ExampleOptions,
  type RunningExample,
  runCommand,
  runExample,
} from "../../support/run-example.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const TSX: readonly string[] = ["--import", "tsx"];
/** Generous: several programs on a busy machine. */
const TIMEOUT = { timeout: 180_000 };

/** Starts a program; with tsx, as its users do, unless other flags are given. */
function start(
  program: string,
  runtimeRoot: string,
  options: Pick<ExampleOptions, "args" | "flags">,
): RunningExample {
  return runExample(`hybrid-pool/${program}`, { env: { XDG_RUNTIME_DIR: runtimeRoot }, ...options });
}

/** What a run of the program says. */
interface Report {
  readonly capacity: number;
  readonly own: readonly { readonly pid: number; readonly calls: number }[];
  readonly found: readonly { readonly pid: number; readonly calls: number }[];
  readonly refused: readonly string[];
}

async function run(
  runtimeRoot: string,
  args: readonly string[],
  flags: readonly string[] = TYPESCRIPT_FLAGS,
): Promise<Report> {
  await using program = start("main.ts", runtimeRoot, { args, flags });
  assert.equal(await program.ended, 0, program.stderr);
  const members = (kind: string) =>
    [...program.stdout.matchAll(new RegExp(`^ {2}pid (\\d+) ${kind}: (\\d+) calls$`, "gm"))].map(
      ([, pid, calls]) => ({ pid: Number(pid), calls: Number(calls) }),
    );
  return {
    capacity: Number(/^120 calls, at most (\d+) workers$/m.exec(program.stdout)?.[1]),
    own: members("own"),
    found: members("of the farm"),
    refused: [...program.stdout.matchAll(/^ {2}worker \S+ not admitted \((\w+)\)/gm)].map(
      ([, reason = ""]) => reason,
    ),
  };
}

function callsOf({ own, found }: Report): number {
  return [...own, ...found].reduce((sum, { calls }) => sum + calls, 0);
}

test("hybrid-pool admits workers of the farm up to its lease", TIMEOUT, async () => {
  await using leaks = leakCheck({ withinMs: 10_000 });
  await using farm = start("farm.ts", leaks.runtimeRoot, { args: ["2"] });
  const [, served = ""] = await farm.shows(/^Farm 'hybrid-pool': pids ([\d, ]+)\./m);
  const pids = served.split(", ").map(Number);

  const one = await run(leaks.runtimeRoot, ["1", "1"]);
  const none = await run(leaks.runtimeRoot, ["1", "0"]);
  const many = await run(leaks.runtimeRoot, ["1", "5"]);

  assert.equal(one.capacity, 2);
  assert.equal(one.own.length, 1);
  assert.equal(one.found.length, 1);
  assert.ok(pids.includes(one.found[0]?.pid ?? 0));
  assert.deepEqual(one.refused, ["capacity"]);
  assert.equal(callsOf(one), 120);

  assert.equal(none.capacity, 1);
  assert.deepEqual(
    none.own.map(({ calls }) => calls),
    [120],
  );
  assert.deepEqual(none.found, []);
  assert.deepEqual(none.refused, ["capacity", "capacity"]);

  assert.equal(many.capacity, 6);
  assert.deepEqual(many.found.map(({ pid }) => pid).sort(), pids.sort());
  assert.deepEqual(many.refused, []);
  assert.equal(callsOf(many), 120);

  farm.process.kill("SIGTERM");
  assert.equal(await farm.ended, 0, farm.stderr);
});

test("hybrid-pool makes all its calls itself when there is no farm", TIMEOUT, async () => {
  await using leaks = leakCheck({ withinMs: 10_000 });

  const alone = await run(leaks.runtimeRoot, ["1", "1"], TSX);

  assert.deepEqual(
    alone.own.map(({ calls }) => calls),
    [120],
  );
  assert.deepEqual(alone.found, []);
  assert.deepEqual(alone.refused, []);
});

test("hybrid-pool uses workers that were started by hand", TIMEOUT, async () => {
  await using leaks = leakCheck({ withinMs: 10_000 });
  const command = path.join(ROOT, "dist/cli/merino.js");
  const args = ["worker", "examples/hybrid-pool/jobs.ts", "--discovery", "local:hybrid-pool"];
  await using worker = runCommand(process.execPath, [command, ...args], {
    XDG_RUNTIME_DIR: leaks.runtimeRoot,
  });
  await worker.shows(/^127\.0\.0\.1:\d+$/m);

  const report = await run(leaks.runtimeRoot, ["1", "1"]);

  assert.equal(report.found.length, 1);
  assert.ok(report.found.every(({ calls }) => calls > 0));
  assert.equal(callsOf(report), 120);
  worker.process.kill("SIGTERM");
  assert.equal(await worker.ended, 0, worker.stderr);
});

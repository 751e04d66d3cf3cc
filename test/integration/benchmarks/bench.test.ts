/** The benchmarks run, small, and give a figure for each of their contenders. What it is is not asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runNode } from "../../support/run-node.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";

const programOf = (file: string): string =>
  fileURLToPath(new URL(`../../../benchmarks/${file}`, import.meta.url));

async function runJson<T>(args: readonly string[]): Promise<T> {
  const { stdout, stderr, exitCode } = await runNode(args, { timeoutMs: 120_000 });
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as T;
}

interface Bench {
  readonly machine: { readonly versions: Readonly<Record<string, string>> };
  readonly contenders: Readonly<Record<string, string>>;
  readonly rows: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>>
  >;
}

test("the benchmark has a figure of each contender for each row that it has chosen", async () => {
  const args = ["--quick", "--json", "--rows", "in-flight-1,stream-prefetch,nested"];

  const { machine, contenders, rows } = await runJson<Bench>([
    ...TYPESCRIPT_FLAGS,
    programOf("bench.ts"),
    ...args,
  ]);

  assert.match(machine.versions.piscina ?? "", /^\d/);
  const callers = Object.keys(contenders).filter((id) => id !== "bare-processes");
  for (const id of [
    "merino",
    "merino-thread",
    "merino-network",
    "piscina",
    "grpc",
    "socket",
    "shared-memory",
  ]) {
    assert.ok(callers.includes(id), id);
  }
  assert.deepEqual(Object.keys(rows["in-flight-1"] ?? {}).sort(), callers.sort());
  assert.ok(Object.keys(rows["stream-prefetch"] ?? {}).length >= 6);
  assert.ok(Object.keys(rows.nested ?? {}).length >= 2);
  const figures = Object.values(rows)
    .flatMap((series) => Object.values(series).flatMap(Object.values))
    .flat();
  assert.ok(figures.every((figure) => figure > 0 && figure < Number.POSITIVE_INFINITY));
});

test("the real jobs give the same results on every side", async () => {
  const args = ["--jobs", "aggregate,page", "--calls", "6", "--rounds", "1", "--json"];

  const { rows } = await runJson<{ rows: readonly { job: string }[] }>([programOf("jobs/main.mjs"), ...args]);

  // The others only where their packages are installed.
  assert.equal(rows[0]?.job, "aggregate");
});

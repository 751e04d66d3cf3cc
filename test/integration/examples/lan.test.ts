/**
 * The walk-through of the LAN example between hosts made of network namespaces: workers started by hand, and
 * the program that finds them. Needs the built package, with its command.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";
import { ROOT } from "../../support/repository.ts";
import { type RunningExample, watchProgram } from "../../support/run-example.ts";

const COMMAND = path.join(ROOT, "dist/cli/merino.js");
const ROWS = 32;

/** Generous: several programs under tsx on a busy machine. */
const TIMEOUT = { timeout: 180_000 };

/** A terminal on a host, in the folder of the example. */
interface Seat {
  readonly host: NetworkHost;
  readonly runtimeRoot: string;
}

function optionsOf({ runtimeRoot }: Seat) {
  return {
    cwd: path.join(ROOT, "examples/lan"),
    env: { XDG_RUNTIME_DIR: runtimeRoot, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined },
    stdio: ["ignore" as const, "pipe" as const, "pipe" as const],
  };
}

/** `npx merino …` */
function merino(seat: Seat, ...args: readonly string[]): RunningExample {
  return watchProgram(seat.host.start(process.execPath, [COMMAND, ...args], optionsOf(seat)));
}

/** `node --import tsx main.ts …` */
function draw(seat: Seat, ...args: readonly string[]): RunningExample {
  return watchProgram(seat.host.startNode(["main.ts", ...args], optionsOf(seat)));
}

function startWorker(seat: Seat, ...more: readonly string[]): RunningExample {
  const options = ["--host", "0.0.0.0", "--insecure", "--discovery", "lan:my-pool", ...more];
  return merino(seat, "worker", "./jobs.ts", ...options);
}

/** Waits until the worker serves. */
async function addressOf(worker: RunningExample): Promise<string> {
  const [address] = await worker.shows(/^[\d.]+:\d+$/m);
  return address;
}

/** The picture is its own mirror image, so that a wrong, lost or misplaced row shows. */
function assertPicture({ stdout }: RunningExample): void {
  const rows = stdout.split("\n").slice(0, ROWS);
  assert.deepEqual(rows, [...rows].reverse());
  for (const row of rows) assert.equal(row.length, 100);
  assert.ok(rows[ROWS / 2]?.includes("@"), stdout);
}

function rowsPerWorker({ stdout }: RunningExample): number[] {
  return [...stdout.matchAll(/^.+, pid \d+: (\d+) rows$/gm)].map(([, rows]) => Number(rows));
}

test(
  "lan draws the picture on workers of other hosts that have the tag, and on no others",
  TIMEOUT,
  async () => {
    await using network = await useHosts(4);
    await using leaks = leakCheck({ withinMs: 10_000 });
    const [one, two, three, four] = network.hosts.map((host): Seat => ({ host, ...leaks }));
    assert.ok(one && two && three && four);
    await using first = startWorker(one, "--tag", "gpu");
    await using second = startWorker(two, "--tag", "gpu");
    await using untagged = startWorker(three);
    const addresses = [await addressOf(first), await addressOf(second)];
    const other = await addressOf(untagged);
    assert.deepEqual(
      [...addresses, other].map((address) => address.split(":")[0]),
      [one.host.ipv4, two.host.ipv4, three.host.ipv4],
    );

    await using program = draw(four, "my-pool", "2");
    assert.equal(await program.ended, 0, program.stderr);

    assertPicture(program);
    const used = [...program.stdout.matchAll(/^([\d.:]+) \(gpu; /gm)].map(([, address]) => address);
    assert.deepEqual(used.sort(), addresses.sort());
    const drawn = rowsPerWorker(program);
    assert.equal(drawn.length, 2, program.stdout);
    assert.ok(drawn.every((rows) => rows > 0));
    assert.equal(drawn[0] === undefined ? 0 : drawn.reduce((sum, rows) => sum + rows, 0), ROWS);

    await using listing = merino(four, "ls", "--discovery", "lan:my-pool");
    assert.equal(await listing.ended, 0, listing.stderr);
    for (const address of [...addresses, other]) assert.ok(listing.stdout.includes(address), listing.stdout);

    for (const worker of [first, second, untagged]) {
      worker.process.kill("SIGTERM");
      assert.equal(await worker.ended, 0, worker.stderr);
    }
  },
);

test("lan completes the picture when a worker is told to end in the middle of it", TIMEOUT, async () => {
  await using network = await useHosts(3);
  await using leaks = leakCheck({ withinMs: 10_000 });
  const [one, two, three] = network.hosts.map((host): Seat => ({ host, ...leaks }));
  assert.ok(one && two && three);
  await using staying = startWorker(one, "--tag", "gpu");
  await using leaving = startWorker(two, "--tag", "gpu");
  await addressOf(staying);
  await addressOf(leaving);

  await using program = draw(three, "my-pool", "2");
  await program.shows(/\n/);
  leaving.process.kill("SIGINT");

  assert.equal(await leaving.ended, 0, leaving.stderr);
  assert.equal(await program.ended, 0, program.stderr);
  assertPicture(program);
  assert.equal(
    rowsPerWorker(program).reduce((sum, rows) => sum + rows, 0),
    ROWS,
  );
  staying.process.kill("SIGTERM");
  assert.equal(await staying.ended, 0, staying.stderr);
});

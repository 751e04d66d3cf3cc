/** No file descriptors are left in a worker, or in a program that calls: what is connected goes on, the rest waits. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { ProcessWorker, type WorkerMetadata, WorkerProxy } from "merino";
import { useTool } from "../../support/debian-tool.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add } from "../fixtures/pool-routines.ts";
import { rejection } from "../fixtures/pool-support.ts";
import { startHostCaller, startHostWorker, THIS_HOST } from "./processes.ts";

const ROUTINES = new URL("../fixtures/pool-routines.ts", import.meta.url);
const SOON = { withinMs: 30_000, everyMs: 20 };

const prlimit = await useTool("prlimit", "util-linux");

/** Takes all descriptors that a process has not opened yet, until disposed. */
function exhaust(pid: number): Disposable {
  const set = (soft: string): unknown => execFileSync(prlimit, ["--pid", String(pid), `--nofile=${soft}:`]);
  const before = execFileSync(
    prlimit,
    ["--pid", String(pid), "--nofile", "--output=SOFT", "--noheadings", "--raw"],
    { encoding: "utf8" },
  );
  set("0");
  return { [Symbol.dispose]: () => void set(before.trim()) };
}

/** The same worker as callers of this host reach it, and as those of others do. */
function waysTo(worker: WorkerMetadata): readonly WorkerMetadata[] {
  const { socket: _, ...remote } = worker;
  return [worker, remote];
}

test("a worker without descriptors serves those who are connected, and others once it has some", async () => {
  await using _leaks = leakCheck();
  await using worker = await ProcessWorker.open({ host: "127.0.0.1", modules: [ROUTINES] });
  const open = (quorumTimeout: number) =>
    Promise.all(waysTo(worker.metadata).map((way) => WorkerProxy.open({ workers: [way], quorumTimeout })));
  const addBy = (proxies: readonly WorkerProxy[]) =>
    Promise.all(proxies.map((pool) => add.with({ pool })(1, 2)));
  const connected = await open(20_000);
  await addBy(connected);

  const exhausted = exhaust(worker.metadata.pid);
  const [impatient, patient] = await Promise.all([open(300), open(60_000)]);
  const sums = await addBy(connected);
  const waiting = addBy(patient);
  const errors = await Promise.all(impatient.map((pool) => rejection(add.with({ pool })(1, 2))));
  exhausted[Symbol.dispose]();

  assert.deepEqual(sums, [3, 3]);
  assert.deepEqual(
    errors.map((error) => (error as { code?: string }).code),
    ["ERR_MERINO_NO_WORKERS", "ERR_MERINO_NO_WORKERS"],
  );
  assert.deepEqual(await waiting, [3, 3]);
  assert.deepEqual(await addBy(impatient), [3, 3]);
  await Promise.all([...connected, ...impatient, ...patient].map((proxy) => proxy.close()));
});

test("a program without descriptors calls whom it is connected to, and others once it has some", async () => {
  await using _leaks = leakCheck();
  await using first = await startHostWorker(THIS_HOST);
  await using caller = await startHostCaller(THIS_HOST, [first.address]);
  await caller.call("add", 1, 2);

  const exhausted = exhaust(caller.pid);
  const connected = await caller.call("add", 3, 4);
  await first[Symbol.asyncDispose]();
  const port = first.address.split(":")[1] ?? "";
  await using _second = await startHostWorker(THIS_HOST, ["--port", port]);
  const waiting = caller.call("add", 5, 6);
  await eventually(async () => !Object.values(await caller.states()).includes("ready"), SOON);
  exhausted[Symbol.dispose]();

  assert.equal(connected.value, 7);
  assert.deepEqual(await waiting, { value: 11 });
});

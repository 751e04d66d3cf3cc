/** How a worker process ends: by degrees, from outside, and in races of the two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { held, isAlive, useWorkers } from "./workers.ts";

test("ProcessWorker.stop asks first, and a willing process exits by itself", async () => {
  await using workers = useWorkers();
  const worker = workers.create();
  await worker.start();

  const exit = await worker.stop({ killAfter: 10_000 });

  assert.deepEqual(exit, { exitCode: 0, signal: undefined, stderr: "" });
  assert.equal(isAlive(worker.pid ?? 0), false);
});

const UNWILLING: readonly (readonly [string, number])[] = [
  ["deaf", 50],
  ["busy", 50],
  ["obedient", 0],
];

for (const [mode, killAfter] of UNWILLING) {
  test(`ProcessWorker.stop kills a process that is ${mode} when it may take ${killAfter} ms to end`, async () => {
    await using workers = useWorkers();
    const worker = workers.create({ extra: { mode } });
    await worker.start();

    const exit = await worker.stop({ killAfter });

    assert.equal(exit.signal, "SIGKILL");
    assert.equal(exit.exitCode, undefined);
    assert.equal(isAlive(worker.pid ?? 0), false);
  });
}

test("ProcessWorker.stop shares one end among its callers, and the most impatient sets the pace", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "deaf" } });
  await worker.start();

  const patient = worker.stop({ killAfter: 60_000 });
  const impatient = worker.stop({ killAfter: 0 });

  assert.equal(patient, impatient);
  assert.equal((await patient).signal, "SIGKILL");
  assert.deepEqual(await worker.exited, await patient);
});

test("ProcessWorker reports an end that nobody asked for, with the last words of the process", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "prints", lines: "3" } });
  await worker.start();

  process.kill(worker.pid ?? 0, "SIGSEGV");
  const exit = await held(worker.exited);

  assert.equal(exit.signal, "SIGSEGV");
  assert.match(exit.stderr, /^err 0 x+\nerr 1 x+\nerr 2 x+\n$/);
});

test("ProcessWorker takes stop and notify at any moment of its end", async () => {
  await using workers = useWorkers();
  const worker = workers.create();
  await worker.start();

  process.kill(worker.pid ?? 0, "SIGKILL");
  worker.notify({ type: "merino:drain" });
  const exit = worker.stop({ killAfter: 1_000 });
  for (let turn = 0; turn < 50; turn++) {
    worker.notify({ type: "merino:drain" });
    await new Promise((resolve) => setImmediate(resolve));
  }

  assert.equal((await exit).signal, "SIGKILL");
  worker.notify({ type: "merino:drain" });
  assert.equal((await worker.stop({ killAfter: 0 })).signal, "SIGKILL");
});

test("ProcessWorker passes messages both ways and ignores those that are not Merino's", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ extra: { mode: "chatty" } });
  const heard: unknown[] = [];
  const drained = new Promise<void>((resolve) => {
    worker.onMessage = (message) => {
      heard.push(message);
      if (message.type === "merino:unresponsive" && message.culprit === "merino:drain") resolve();
    };
  });

  await worker.start();
  worker.notify({ type: "merino:drain" });
  await held(Promise.race([drained, worker.exited]));

  const { uid } = worker;
  assert.deepEqual(heard, [
    { type: "merino:unresponsive", uid, culprit: "hello" },
    { type: "merino:unresponsive", uid, culprit: "merino:drain" },
  ]);
});

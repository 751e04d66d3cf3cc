/** How a worker process ends from outside, beyond the contract of workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { held, useWorkers } from "./workers.ts";

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

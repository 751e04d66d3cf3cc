/** The two ends of the channel between parent and worker, together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { allGone, runProgram } from "./programs.ts";
import { held, useWorkers } from "./workers.ts";

const programUrl = new URL("./fixtures/linked-worker.ts", import.meta.url);

test("connectParent gives the worker what its parent said, and takes it out of the environment", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ programUrl, maxMessageSize: 9 });

  const metadata = await worker.start();

  assert.equal(metadata.uid, worker.uid);
  assert.equal(metadata.pid, worker.pid);
  assert.deepEqual(metadata.options, { maxMessageSize: 9 });
  assert.equal(metadata.extra.left, "[]");
});

test("connectParent passes requests on, and the worker's reports back", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ programUrl });
  const reported = new Promise((resolve) => {
    worker.onMessage = resolve;
  });
  await worker.start();

  worker.notify({ type: "merino:drain" });

  assert.deepEqual(await held(Promise.race([reported, worker.exited])), {
    type: "merino:unresponsive",
    uid: "other",
    culprit: "drain",
    certain: true,
  });
});

test("ParentLink.failed rejects the start with the error, its cause included", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ programUrl, extra: { mode: "fails" } });

  await assert.rejects(worker.start(), {
    code: "ERR_MERINO_WORKER_START",
    exitCode: 1,
    message: /TypeError: no socket[\s\S]*the disk is full/,
  });
});

test("ParentLink.exit ends the process with all its output written", async () => {
  await using program = runProgram("stops a linked worker");

  const { exitCode, stderr } = (await program.told()) as {
    readonly exitCode: number;
    readonly stderr: string;
  };
  const { stdout } = await program.ended;

  assert.equal(exitCode, 3);
  assert.equal(stderr, "last words\n");
  assert.equal(stdout.match(/^line \d+ x{90}$/gm)?.length, 20_000);
  assert.match(stdout, /line 19999 x+\n$/);
});

test("connectParent leaves the signals that ask a program to end to the parent", async () => {
  await using workers = useWorkers();
  const worker = workers.create({ programUrl });
  const reported = new Promise((resolve) => {
    worker.onMessage = resolve;
  });
  const { pid } = await worker.start();

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) process.kill(pid, signal);
  process.kill(pid, "SIGWINCH");

  assert.deepEqual(await held(Promise.race([reported, worker.exited])), {
    type: "merino:unresponsive",
    uid: "other",
    culprit: "still here",
    certain: false,
  });
});

test("connectParent ends the worker when its parent has gone, without the kernel's or a guardian's help", async () => {
  await using program = runProgram("abandons a linked worker");
  const workers = (await program.told()) as number[];

  await allGone(workers);
});

/** What attacks by raw HTTP/2 cost a network worker, and its other callers: little. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { WorkerProxy } from "merino";
import { eventually } from "../../support/eventually.ts";
import { HTTP2_ATTACKS } from "../../support/hostile/http2-attacks.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { residentBytes } from "../../support/resident-bytes.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { add } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

const ATTACKER = fileURLToPath(new URL("./fixtures/http2-attacker.ts", import.meta.url));
const ATTACK_MS = 1_200;
/** Within this time half of the calls are answered, on a machine that has other work to do. */
const USUAL_MS = 500;
const BUDGET_BYTES = 256 * 1024 * 1024;
/** Memory that a worker may take beside what its peers make it hold: connections, streams, garbage not collected yet. */
const BESIDE_BYTES = 128 * 1024 * 1024;

interface Outcome {
  /** How often the attack did what it does. */
  readonly done: number;
  /** Calls of a caller beside it, in milliseconds, the shortest first. */
  readonly tookMs: readonly number[];
  readonly addedBytes: number;
}

async function underAttack(
  call: () => Promise<unknown>,
  { what, address, pid }: { readonly what: string; readonly address: string; readonly pid: number },
): Promise<Outcome> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const attacker = fork(ATTACKER, [address, what, String(ATTACK_MS)], {
    execArgv: [...TYPESCRIPT_FLAGS],
    env,
  });
  const exited = once(attacker, "exit");
  await Promise.race([
    once(attacker, "message"),
    exited.then(([code]) => Promise.reject(new Error(`it ended early, code ${code}`))),
  ]);
  let done: number | undefined;
  attacker.once("message", (message: { readonly done: number }) => {
    done = message.done;
  });
  const before = residentBytes(pid);
  let most = before;
  const tookMs: number[] = [];
  while (done === undefined && attacker.exitCode === null) {
    const sentMs = performance.now();
    await call();
    tookMs.push(performance.now() - sentMs);
    most = Math.max(most, residentBytes(pid));
  }
  await exited;
  return { done: done ?? 0, tookMs: tookMs.sort((a, b) => a - b), addedBytes: most - before };
}

test("a network worker answers its other callers soon under attacks by HTTP/2, and keeps its memory", async (t) => {
  await using _leaks = leakCheck();
  for (const what of Object.keys(HTTP2_ATTACKS)) {
    await t.test(what, async (one) => {
      process.env.MERINO_MAX_HELD_BYTES = String(BUDGET_BYTES);
      await using started = await startNetworkWorker();
      delete process.env.MERINO_MAX_HELD_BYTES;
      await using proxy = await WorkerProxy.open({ workers: [started.remote] });
      const call = add.with({ pool: proxy });
      await call(1, 2);

      const { address } = started.remote;
      const { done, tookMs, addedBytes } = await underAttack(() => call(1, 2), {
        what,
        address,
        pid: started.metadata.pid,
      });

      const middle = tookMs[tookMs.length >> 1] ?? 0;
      one.diagnostic(
        `${done} times; calls: half within ${middle.toFixed(1)} ms, all within ${tookMs.at(-1)?.toFixed(0)} ms; memory: ${(addedBytes / 1e6).toFixed(0)} MB more`,
      );
      assert.ok(done > 0);
      assert.ok(middle < USUAL_MS, `half of the calls took more than ${middle} ms`);
      assert.ok(addedBytes < 1.25 * BUDGET_BYTES + BESIDE_BYTES, `it took ${addedBytes} bytes more`);
      // And who comes later is served, as soon as the attacker's connections have gone.
      await eventually(async () => {
        const later = await WorkerProxy.open({ workers: [started.remote] }).catch(() => undefined);
        if (later === undefined) return false;
        await using _later = later;
        return (
          (await add
            .with({ pool: later, dispatchTimeout: 500 })(2, 2)
            .catch(() => 0)) === 4
        );
      });
    });
  }
});

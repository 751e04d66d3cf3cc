// own process: its clock is simulated
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { simulate } from "../../../benchmarks/support/hedging-simulation.ts";
import { percentile } from "../../../benchmarks/support/statistics.ts";

describe("hedges in simulated time", () => {
  test("take most off the slowest calls where a worker stalls at random, for few calls more", async () => {
    const calls = 10_000;
    const plain = await simulate({ calls });

    const hedged = await simulate({ calls, hedge: { after: "p95" } });

    assert.equal(plain.extra, 0);
    assert.equal(hedged.tookMs.length, calls);
    const cut = 1 - percentile(hedged.tookMs, 0.999) / percentile(plain.tookMs, 0.999);
    assert.ok(cut >= 0.8, `${cut}`);
    assert.ok(hedged.extra <= 0.05 * calls, `${hedged.extra}`);
    assert.ok(hedged.extra >= 0.02 * calls, `${hedged.extra}: it follows its routine`);
  });

  test("and retries are no more than the budget has tokens where every call is lost", async () => {
    for (const tokens of [1, 25]) {
      const { failed, extra, throttled } = await simulate({
        calls: 2_000,
        outageFrom: 0,
        retry: { attempts: 5, budget: { tokens } },
        hedge: { after: 5 },
      });

      assert.equal(failed, 2_000);
      assert.equal(extra, tokens);
      assert.ok(throttled > 0);
    }
  });
});

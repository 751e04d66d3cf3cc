import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LOCAL_PEER, type Peer, UNKNOWN_PEER } from "../../../src/credentials/peers/peer.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import {
  type AnswerKey,
  AnswerWindow,
  answerKeyOf,
  LARGEST_ANSWER_BYTES,
  WINDOW_BYTES,
} from "../../../src/worker/answer-window.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryPair } from "../../support/memory-pair.ts";
import { helloWith, payloadOf, TestClient, TestWorker } from "../../support/protocol-peers.ts";
import { useDispatcher } from "../../support/use-dispatcher.ts";

const VERIFIED: Peer = { identities: ["spiffe://a"], address: "10.0.0.1", verified: true, local: false };

function keyOf(
  key: string,
  { peer = LOCAL_PEER, uid = "p1", args = [1] as unknown, routine = "r" } = {},
): AnswerKey {
  return answerKeyOf({ routine, key, peer, uid }, payloadOf(args)) ?? assert.fail("no key");
}

describe("AnswerWindow", () => {
  test("gives an answer to the same call of the same caller, and to no other", () => {
    using t = useWindow();
    assert.equal(t.find(keyOf("k")), "run");
    const first = keyOf("k2", { peer: VERIFIED });
    assert.equal(t.find(first), "run");
    t.window.returned(first, Uint8Array.of(1, 2));

    assert.deepEqual(t.find(keyOf("k2", { peer: VERIFIED, uid: "p2" })), { answer: Uint8Array.of(1, 2) });
    for (const other of [
      keyOf("k2"),
      keyOf("k3", { peer: VERIFIED }),
      keyOf("k2", { peer: VERIFIED, routine: "s" }),
      keyOf("k2", { peer: { ...VERIFIED, identities: ["spiffe://b"] } }),
      keyOf("k2", { peer: { ...VERIFIED, identities: ["spiffe://a", "spiffe://b"] } }),
    ]) {
      assert.equal(t.find(other), "run");
    }
    assert.equal(t.find(keyOf("k2", { peer: VERIFIED, args: [2] })), "conflict");
    assert.equal(t.find(keyOf("k", { uid: "p2" })), "run", "another process");
  });

  test("keeps nothing for callers whom nobody has verified", () => {
    for (const peer of [UNKNOWN_PEER, { ...UNKNOWN_PEER, verified: true }]) {
      assert.equal(answerKeyOf({ routine: "r", key: "k", peer, uid: "p" }, payloadOf([])), undefined);
    }
  });

  test("has others wait for a body, and the next one run after an error", () => {
    using t = useWindow();
    const first = keyOf("k");
    t.find(first);
    assert.equal(t.find(keyOf("k")), "wait");
    assert.equal(t.find(keyOf("k")), "wait");

    t.window.failed(first);

    assert.equal(t.woken, 2);
    const second = keyOf("k");
    assert.equal(t.find(second), "run");
    assert.equal(t.find(keyOf("k")), "wait");
    t.window.failed(first); // again, and in vain
    t.window.returned(second, Uint8Array.of(3));
    assert.equal(t.woken, 3);
    assert.deepEqual(t.find(keyOf("k")), { answer: Uint8Array.of(3) });
  });

  test("keeps no more than its bytes, the newest, and counts those of the network", () => {
    using t = useWindow();
    const answer = new Uint8Array(LARGEST_ANSWER_BYTES / 2);
    for (let n = 0; n < 100; n++) {
      const key = keyOf(`k${n}`, { peer: n % 2 === 0 ? VERIFIED : LOCAL_PEER });
      t.find(key);
      t.window.returned(key, answer);
      assert.ok(t.window.bytes <= WINDOW_BYTES);
    }
    assert.ok(t.budget.heldBytes > 0 && t.budget.heldBytes < t.window.bytes);
    assert.equal(t.find(keyOf("k0", { peer: VERIFIED })), "run");
    assert.equal(typeof t.find(keyOf("k99")), "object");

    const large = keyOf("large");
    t.find(large);
    t.window.returned(large, new Uint8Array(LARGEST_ANSWER_BYTES + 1));
    assert.equal(t.find(keyOf("large")), "run");

    t.window.close();
    assert.equal(t.window.bytes, 0);
    assert.equal(t.budget.heldBytes, 0);
  });
});

describe("a call with an idempotency key", () => {
  test("gets the answer that an earlier one has got, while its body runs and after", async () => {
    await using t = useDispatcher();
    const gate = createDeferred<void>();
    let runs = 0;
    t.add("a", {
      order: async (count: number) => {
        runs += 1;
        await gate.promise;
        return { count, at: new Date(5), bytes: new Uint8Array(100_000).fill(7) };
      },
    });
    await t.ready(1);
    const options = { idempotencyKey: "order-7" };
    const calls = [1, 2, 3].map(() => t.call("order", [2], options));
    await eventually(() => runs === 1);
    await assert.rejects(t.call("order", [3], options), { code: "ERR_MERINO_BAD_PAYLOAD" });
    gate.resolve();

    const expected = { count: 2, at: new Date(5), bytes: new Uint8Array(100_000).fill(7) };
    for (const value of await Promise.all(calls)) assert.deepEqual(value, expected);
    assert.deepEqual(await t.call("order", [2], options), expected);
    assert.equal(runs, 1);
    await t.call("order", [2], { idempotencyKey: "order-8" });
    await t.call("order", [2]);
    assert.equal(runs, 3);
  });

  test("runs again after an error, of its body or of its arguments", async () => {
    await using t = useDispatcher();
    let runs = 0;
    t.add("a", {
      order: () => {
        runs += 1;
        if (runs === 1) throw new RangeError("not yet");
        return runs;
      },
    });
    await t.ready(1);
    const options = { idempotencyKey: "k" };

    await assert.rejects(t.call("order", [], options), RangeError);
    assert.equal(await t.call("order", [], options), 2);
    assert.equal(await t.call("order", [], options), 2);
  });

  test("finds the answer of a body whose caller was gone before it ended", async () => {
    const gate = createDeferred<string>();
    let runs = 0;
    const worker = new TestWorker({
      order: () => {
        runs += 1;
        return gate.promise;
      },
    });
    const call = async () => {
      const pair = memoryPair();
      worker.tasks.serve(pair.server);
      const client = new TestClient(pair.client, helloWith({ uid: "one process" }));
      await client.hello;
      return { client, pair, call: client.call("order", [1], { idempotencyKey: "k" }) };
    };
    const lost = await call();
    await eventually(() => runs === 1);
    lost.pair.client.cut();
    const again = await call();
    await eventually(() => worker.tasks.inFlight === 1);
    gate.resolve("done");

    assert.equal(await again.call.value(), "done");
    assert.equal(runs, 1);
    again.client.session.connection.close();
    worker.tasks.close();
  });
});

function useWindow() {
  const budget = { heldBytes: 0 };
  const window = new AnswerWindow(budget);
  return {
    budget,
    window,
    woken: 0,
    find(key: AnswerKey) {
      return window.find(key, () => {
        this.woken += 1;
      });
    },
    [Symbol.dispose]: () => window.close(),
  };
}

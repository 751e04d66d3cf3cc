/** Calls that wait for a place in a queue before they are made: what they take along is what was there at the call. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { bindStore } from "../../../../src/context/variables/bound-stores.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import type { CallMessage } from "../../../../src/telemetry/call-message.ts";
import { FAILED, followTracing } from "../../../support/follow-channels.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";

const tenant = new ContextVar<unknown>("held-calls tenant", { default: "none" });
const requests = new AsyncLocalStorage<{ id: string }>();
bindStore(requests, {
  name: "held-calls requests",
  encode: ({ id }) => id,
  decode: (id: string) => ({ id }),
});

const BODIES = {
  wait: () => "waited",
  see: () => [tenant.get(), requests.getStore()?.id],
  change: (value: unknown) => tenant.set(value) && "changed",
};

/** Nobody is there: the first call waits, and each further one is held. */
function useFullQueue() {
  return useDispatcher({ maxQueue: 1, overflow: "wait" });
}

describe("a call that is held", () => {
  test("goes with the variables and stores that there were at the call", async () => {
    await using t = useFullQueue();
    const request = { id: "7" };
    const calls = requests.run(request, () =>
      tenant.run("acme", () => {
        const all = [t.call("wait"), t.call("see")];
        tenant.set("later");
        request.id = "8";
        all.push(t.call("see"));
        return all;
      }),
    );
    assert.equal(t.dispatcher.held, 2);

    t.add("a", BODIES);

    assert.deepEqual(await Promise.all(calls), ["waited", ["acme", "7"], ["later", "8"]]);
  });

  test("is not made while the blobs of as many others are being read as may wait", async () => {
    await using t = useDispatcher({ maxQueue: 2, overflow: "wait" });
    let made = 0;
    const withBlob = () => ({
      blob: new Blob(["content"]),
      get counted() {
        made += 1;
        return true;
      },
    });

    const calls = Array.from({ length: 9 }, () => t.call("wait", [withBlob()]));
    assert.deepEqual([made, t.dispatcher.queued, t.dispatcher.held], [2, 2, 7]);
    t.add("a", BODIES);

    assert.deepEqual(await Promise.all(calls), new Array(9).fill("waited"));
    assert.deepEqual([made, t.dispatcher.queued, t.dispatcher.held], [9, 0, 0]);
    await t.dispatcher.drained();
  });

  test("brings back what its body has set into the branch that made it", async () => {
    await using t = useFullQueue();

    const seen = await tenant.run("acme", async () => {
      const calls = [t.call("wait"), t.call("change", ["changed"])];
      assert.equal(t.dispatcher.held, 1);
      t.add("a", BODIES);
      await Promise.all(calls);
      return tenant.get();
    });

    assert.equal(seen, "changed");
  });

  test("fails at once if a variable cannot travel", async () => {
    await using t = useFullQueue();

    await tenant.run(
      () => {},
      async () => {
        const first = tenant.run("acme", () => t.call("wait"));
        await assert.rejects(t.call("see"), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
        assert.equal(t.dispatcher.held, 0);
        t.add("a", BODIES);
        await first;
      },
    );
  });

  test("is told of to its end if its arguments cannot be encoded once it has a place", async () => {
    await using t = useFullQueue();
    using following = followTracing<CallMessage>("merino:call");
    const first = t.call("wait");
    const held = t.call("see", [() => {}]);
    held.catch(() => {});
    assert.equal(t.dispatcher.held, 1);

    t.add("a", BODIES);

    await assert.rejects(held, { code: "ERR_MERINO_NOT_SERIALIZABLE" });
    await first;
    const parts = following.told.filter(({ message }) => message.routine === "see").map(({ part }) => part);
    assert.deepEqual(parts, FAILED);
  });
});

/** Calls that need resources, at workers that know nothing of these, or more than the caller. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NoWorkersAvailableError } from "../../../../src/errors/no-workers-available-error.ts";
import { TaskRefusedError } from "../../../../src/errors/task-refused-error.ts";
import type { Amounts } from "../../../../src/internal/amounts.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { FEATURES } from "../../../../src/session/limits.ts";
import { Feature } from "../../../../src/wire/features.ts";
import { eventually } from "../../../support/eventually.ts";
import { helloWith } from "../../../support/protocol-peers.ts";
import { stubParent, useDispatcher, type Wish } from "../../../support/use-dispatcher.ts";

const gpus = (count: number): Amounts => new Map([["gpu", 1_000 * count]]);

/** A worker with a routine whose bodies the test ends, in the order in which they began. */
function useWorker(has: number, needs: number | undefined, wish: Wish = {}) {
  const t = useDispatcher(wish);
  const bodies: Array<ReturnType<typeof createDeferred<number>>> = [];
  t.add(
    "a",
    {
      embed: () => {
        const body = createDeferred<number>();
        bodies.push(body);
        return body.promise;
      },
      free: () => 1,
    },
    { resources: gpus(has), needs: needs === undefined ? {} : { embed: gpus(needs) } },
  );
  return Object.assign(t, { bodies });
}

describe("a worker of a version that counts no resources", () => {
  const old = helloWith({ features: FEATURES.filter((feature) => feature !== Feature.Resources) });

  test("is sent no call that needs some, which fails and says why", async () => {
    await using t = useDispatcher({ needs: { embed: gpus(1) } });
    // Its record has resources: it has been written by somebody who knows of them.
    t.add("old", { embed: () => 1, free: () => 2 }, { hello: old, resources: gpus(1) });
    await t.ready(1);
    const sent = t.carrier("old").sent.length;

    const call = t.call("embed");

    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof NoWorkersAvailableError, String(error));
      assert.match(error.message, /needs 1 of 'gpu', and the worker is of a version that counts none/);
      return true;
    });
    assert.equal(t.carrier("old").sent.length, sent);
    assert.equal(t.worker("old").starts, 0);
    assert.equal(await t.call("free"), 2); // all others it takes
  });

  test("is passed by for one that counts them", async () => {
    await using t = useDispatcher({ needs: { embed: gpus(1) } });
    t.add("old", { embed: () => "old" }, { hello: old });
    t.add("new", { embed: () => "new" }, { resources: gpus(1), needs: { embed: gpus(1) } });
    await t.ready(2);

    const answers = await Promise.all(Array.from({ length: 5 }, () => t.call("embed")));

    assert.deepEqual(answers, ["new", "new", "new", "new", "new"]);
    assert.equal(t.worker("old").starts, 0);
  });
});

describe("a worker whose routine needs more than the caller's", () => {
  for (const known of [undefined, 1]) {
    test(`has what it needs counted, where the caller knows of ${known ?? "nothing"}`, async () => {
      await using t = useWorker(2, 2, known === undefined ? {} : { needs: { embed: gpus(known) } });
      await t.ready(1);

      const calls = [1, 2, 3].map(() => t.call("embed"));
      for (let done = 0; done < calls.length; done++) {
        await eventually(() => t.bodies.length === done + 1);
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        assert.equal(t.bodies.length, done + 1); // never two at a time
        t.bodies[done]?.resolve(done);
      }

      assert.deepEqual((await Promise.all(calls)).sort(), [0, 1, 2]);
      const [member] = t.membership.members;
      assert.deepEqual([...(member?.resources.ours ?? [])], []);
    });
  }

  test("fails the call if it never has so much", async () => {
    await using t = useWorker(1, 2, { needs: { embed: gpus(1) } });
    await t.ready(1);

    await assert.rejects(t.call("embed"), (error: unknown) => {
      assert.ok(error instanceof NoWorkersAvailableError, String(error));
      assert.match(error.message, /needs 2 of 'gpu', and the worker has 1 of 'gpu'/);
      return true;
    });
    assert.equal(t.bodies.length, 0);
  });

  test("refuses the call of a task that holds some, of which the caller's copy knows nothing: it would wait for itself", async () => {
    await using t = useWorker(1, 1);
    await t.ready(1);
    const parent = { ...stubParent(), held: ["gpu"] };
    const holder = t.call("embed");
    await eventually(() => t.bodies.length === 1);

    await assert.rejects(t.call("embed", [], undefined, parent), (error: unknown) => {
      assert.ok(error instanceof TaskRefusedError, String(error));
      assert.equal(error.refusal, "HELD");
      return true;
    });
    assert.equal(await t.call("free", [], undefined, parent), 1);
    t.bodies[0]?.resolve(7);
    assert.equal(await holder, 7);
  });

  test("is not waited for by a task that holds something else", async () => {
    await using t = useWorker(1, 1);
    await t.ready(1);
    const holder = t.call("embed");
    await eventually(() => t.bodies.length === 1);

    const nested = t.call("embed", [], undefined, { ...stubParent(), held: ["license"] });

    await assert.rejects(nested, NoWorkersAvailableError);
    t.bodies[0]?.resolve(7);
    assert.equal(await holder, 7);
  });
});

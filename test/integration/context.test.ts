/**
 * Context variables over real workers, on the carriers of a host and of a network. The first part has the behaviours of
 * the original's own tests, by name.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fork, StaticDiscovery, WorkerPool, WorkerProxy, withCallOptions } from "merino";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { relay } from "./fixtures/context-relay.ts";
import * as routines from "./fixtures/context-routines.ts";
import { anything, count, lenient, requestId, requests, tenant } from "./fixtures/context-variables.ts";
import { rejection, useEffects } from "./fixtures/pool-support.ts";
import { startNetworkWorker } from "./network-worker/workers.ts";

/** What calls go to, and what is closed at the end. */
interface Workers extends AsyncDisposable {
  run<R>(fn: () => R): R;
}

const MODULE = fileURLToPath(new URL("./fixtures/context-routines.ts", import.meta.url));
const RELAY = fileURLToPath(new URL("./fixtures/context-relay.ts", import.meta.url));

const KINDS: Readonly<Record<string, () => Promise<Workers>>> = {
  "on this host": async () => {
    const pool = await WorkerPool.open({ size: 2 });
    return { run: (fn) => pool.run(fn), [Symbol.asyncDispose]: () => pool.close() };
  },
  "over a network": async () => {
    const port = await freePort();
    // By address, so that the worker reaches itself over the network as well.
    const discovery = new StaticDiscovery([`127.0.0.1:${port}`]);
    const worker = await startNetworkWorker({ port, modules: [MODULE, RELAY] }, [discovery.descriptor]);
    const proxy = await WorkerProxy.open({ discovery });
    return {
      run: (fn) => withCallOptions({ pool: proxy }, fn),
      async [Symbol.asyncDispose]() {
        await proxy.close();
        await worker[Symbol.asyncDispose]();
      },
    };
  },
};

for (const [kind, open] of Object.entries(KINDS)) {
  test(`context variables ${kind}`, async (t) => {
    await using _leaks = leakCheck();
    await using workers = await open();
    using effects = useEffects();
    /** Runs a test in a branch of its own. */
    const inBranch = (name: string, fn: () => Promise<void>) =>
      t.test(name, () => workers.run(() => tenant.run("acme", fn)));

    await inBranch("are seen in a routine, async or plain", async () => {
      const { tenant: asynchronous } = await routines.seen();
      const { tenant: plain } = await routines.seenSync();

      assert.deepEqual([asynchronous, plain], ["acme", "acme"]);
    });

    await inBranch("that are not set keep their defaults, and send nothing", async () => {
      assert.equal((await routines.seen()).count, 0);
    });

    await inBranch("come back to the caller before it goes on", async () => {
      const first = await routines.add(2);
      const after = count.get();
      const second = await routines.add(3);

      assert.deepEqual([first, after, second, count.get()], [2, 2, 5, 5]);
    });

    await inBranch("go through nested calls, and come back through each hop", async () => {
      const seen = await routines.nested(2);

      assert.deepEqual(seen, ["acme", "acme>2", "acme>2>1", "acme>2>1>0", "acme>2>1>0", "acme>2>1>0"]);
      assert.equal(tenant.get(), "acme>2>1>0");
    });

    await inBranch("come back with an exception", async () => {
      const error = await rejection(routines.setAndFail("failed"));

      assert.equal((error as Error).name, "RangeError");
      assert.equal(tenant.get(), "failed");
    });

    await inBranch("do not come back from a call that is cancelled", async () => {
      const controller = new AbortController();
      const started = effects.path(`started ${kind}`);
      const call = routines.setAndWait.with({ signal: controller.signal })("changed", started);
      const failed = rejection(call);
      await eventually(() => existsSync(started));
      controller.abort(new Error("enough"));
      await failed;
      await routines.pid();

      assert.equal(tenant.get(), "acme");
    });

    await inBranch("are told with each step of a generator, both ways", async () => {
      const stream = routines.steps();
      const first = await stream.next();
      const back = count.get();
      tenant.set("between");
      count.set(40);
      const second = await stream.next();

      assert.deepEqual([first.value, back, second.value, count.get()], [["acme", 1], 1, ["between", 41], 41]);
      await stream.return("end");
    });

    await inBranch("come back from the finally block of a generator that is closed early", async () => {
      for await (const _ of routines.steps()) break;

      assert.equal(tenant.get(), "closed");
    });

    await inBranch("are told to a generator that runs ahead", async () => {
      const values: string[] = [];
      for await (const value of routines.plainSteps.with({ prefetch: 4 })(40)) {
        values.push(value);
        if (values.length === 3) tenant.set("changed");
      }

      assert.equal(values[0], "acme");
      assert.equal(values.at(-1), "changed");
      assert.equal(count.get(), 40);
    });

    await inBranch("have tokens that a routine can use, and once in all", async () => {
      const token = tenant.set("temporary");
      const inside = await routines.resetTenant(token);

      assert.deepEqual([inside, tenant.get()], ["acme", "acme"]);
      assert.equal(token.used, true);
      assert.throws(() => tenant.reset(token), { code: "ERR_MERINO_CONTEXT" });
      await assert.rejects(routines.resetTenant(token), { code: "ERR_MERINO_CONTEXT" });
    });

    await inBranch("have tokens that a routine makes and its caller uses", async () => {
      const token = await routines.setTenant("remote");
      assert.equal(tenant.get(), "remote");
      tenant.reset(token);

      assert.equal(tenant.get(), "acme");
      await assert.rejects(routines.resetTenant(token), { code: "ERR_MERINO_CONTEXT" });
    });

    await inBranch("have tokens that are refused in another branch, also in another process", async () => {
      const token = tenant.set("temporary");

      await assert.rejects(
        fork(() => routines.resetTenant(token)),
        { code: "ERR_MERINO_CONTEXT", message: /another branch/ },
      );
      assert.equal(await routines.resetTenant(token), "acme");
    });

    await inBranch("pass untouched through a worker that does not know them", async () => {
      anything.set({ deep: new Map([["x", 1n]]) });

      assert.deepEqual((await relay(routines.seen)).tenant, "acme");
      assert.deepEqual(await relay(routines.getAnything as never), { deep: new Map([["x", 1n]]) });
    });

    await inBranch("that cannot travel fail the call before it is sent, by name", async () => {
      anything.set({ callback() {} });

      await assert.rejects(routines.seen(), {
        code: "ERR_MERINO_NOT_SERIALIZABLE",
        fault: "caller",
        path: `the context variable '${anything.id}'.callback`,
      });
      await assert.rejects(routines.steps().next(), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
      anything.set("fine");
      assert.equal(await routines.getAnything(), "fine");
    });

    await inBranch(
      "that a routine sets and that cannot travel fail its call, and are its fault",
      async () => {
        await assert.rejects(routines.setAnything("function"), {
          code: "ERR_MERINO_NOT_SERIALIZABLE",
          fault: "routine",
        });
      },
    );

    await inBranch("that are lenient stay behind instead", async () => {
      using warnings = useWarnings();
      lenient.set(() => {});

      assert.equal(await routines.getLenient(), undefined);
      await eventually(() => warnings.codes.length > 0 || kind !== "on this host");
      assert.ok(warnings.codes.every((code) => code === "MERINO_CONTEXT_LEFT_BEHIND"));
    });

    await inBranch(
      "that two calls change at the same time have the value that came last, with a warning",
      async () => {
        using warnings = useWarnings();
        await Promise.all([routines.add(1), routines.add(10)]);

        assert.ok([1, 10].includes(count.get()), `${count.get()}`);
        await eventually(() => warnings.codes.length > 0 || kind !== "on this host");
        assert.ok(warnings.codes.every((code) => code === "MERINO_CONTEXT_RACE"));
      },
    );

    await inBranch("that change in fork() stay there, in the program and in a routine", async () => {
      const inside = await fork(async () => {
        await routines.setTenant("forked");
        return tenant.get();
      });
      const remote = await routines.forked("forked");

      assert.deepEqual([inside, tenant.get(), remote, count.get()], ["forked", "acme", "acme", 0]);
    });

    await inBranch("without `back` do not come back", async () => {
      requestId.set("r1");
      await routines.setTenant("changed");

      assert.deepEqual([tenant.get(), requestId.get()], ["changed", "r1"]);
    });

    await inBranch("that a routine takes back are as before", async () => {
      assert.equal(await routines.unset(), 0);
      assert.deepEqual([tenant.get(), count.get()], ["acme", 0]);
    });

    await inBranch("go beside arguments that are sent in chunks", async () => {
      const padding = new Uint8Array(3_000_000);

      assert.equal(await routines.add(1, padding), 3_000_001);
      assert.equal(count.get(), 1);
    });

    await inBranch("are limited in number and size, and the error says which is too much", async () => {
      anything.set("x".repeat(40_000));

      await assert.rejects(routines.seen(), {
        code: "ERR_MERINO_CONTEXT",
        message: /'merino#context-variables anything'/,
      });
    });

    await inBranch(
      "that a routine sets and that are too large fail its call, and no error is lost for them",
      async () => {
        await assert.rejects(routines.setTooMuch(false), { code: "ERR_MERINO_CONTEXT" });
        await assert.rejects(routines.setTooMuch(true), { name: "RangeError" });
        assert.equal((await routines.seen()).tenant, "acme");
      },
    );

    await t.test("a store that cannot be made of what has come refuses the call", async () => {
      const call = workers.run(() => requests.run({ id: "bad" }, () => routines.seen()));

      await assert.rejects(call, {
        code: "ERR_MERINO_BAD_PAYLOAD",
        message: /no such request/,
      });
      assert.equal((await workers.run(() => routines.seen())).store, undefined);
    });

    await t.test("never mix between many calls at the same time, each in a branch of its own", async () => {
      const wrong: string[] = [];
      await workers.run(async () => {
        const one = (index: number) =>
          tenant.run(`t${index}`, async () => {
            const { tenant: seen } = await routines.seen();
            await routines.add(index);
            if (seen !== `t${index}` || count.get() !== index || tenant.get() !== `t${index}`)
              wrong.push(`${seen} ${count.get()} in ${index}`);
          });
        await Promise.all(Array.from({ length: 500 }, (_, index) => one(index)));
      });

      assert.deepEqual(wrong, []);
    });

    await t.test(
      "a store of the program's own goes out, to plain, async and nested bodies and steps",
      async () => {
        const seen = await workers.run(() =>
          requests.run({ id: "r7" }, async () => [
            (await routines.seen()).store,
            (await routines.seenSync()).store,
            (await relay(routines.seen)).store,
          ]),
        );
        const outside = await workers.run(() => routines.seen());

        assert.deepEqual(seen, ["r7", "r7", "r7"]);
        assert.equal(outside.store, undefined);
      },
    );

    await t.test("options of a block reach the calls that its routines make", async () => {
      const seen = await workers.run(() => withCallOptions({ tag: "block" }, () => routines.tags(2)));
      const own = await workers.run(() =>
        withCallOptions({ tag: "block" }, () => routines.tags.with({ tag: "own" })(1)),
      );
      const [left = 0, inner = 0] = await workers.run(() =>
        withCallOptions({ timeout: 60_000 }, () => routines.budget.with({ timeout: 40_000 })()),
      );

      assert.deepEqual(seen, ["block", "block", "block"]);
      assert.deepEqual(own, ["own", "block"]);
      assert.ok(left > 0 && left <= 40_000 && inner > 0 && inner <= left + 1, `${left} ${inner}`);
    });
  });
}

test("outside any branch, what a routine sets is dropped, with one warning that says what to do", async () => {
  await using _leaks = leakCheck();
  await using _pool = await WorkerPool.open({ size: 1 });
  using warnings = useWarnings();

  await routines.setTenant("dropped");
  await routines.setTenant("dropped again");

  assert.equal(tenant.get(), "none");
  await eventually(() => warnings.codes.length > 0);
  assert.deepEqual(warnings.codes, ["MERINO_CONTEXT_ROOT"]);
  assert.match(warnings.messages.join(), /run\(\)/);
});

test("the items of a map are in branches of their own", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 2 });
  using warnings = useWarnings();

  const results = await tenant.run("acme", async () => {
    count.set(100);
    const sums: number[] = [];
    for await (const sum of pool.map((n: number) => routines.add(n), [1, 2, 3])) sums.push(sum);
    return [...sums, count.get()];
  });

  assert.deepEqual(results, [101, 102, 103, 100]);
  assert.deepEqual(warnings.codes, []);
});

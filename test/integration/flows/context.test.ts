/** Context variables in callbacks and in the sources of iterables, which run in forks, on workers of every kind. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { callback, fork, StaticDiscovery, WorkerPool, withCallOptions } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";
import * as jobs from "./variables.ts";

const { requestId, requests, step, tenant, variablesHere } = jobs;
const MODULE = fileURLToPath(new URL("./variables.ts", import.meta.url));

for (const worker of ["thread", "process", "network"] as const) {
  describe(worker, () => {
    const opened: AsyncDisposable[] = [];

    before(async () => {
      opened.unshift(leakCheck());
      if (worker === "network") {
        const started = await startNetworkWorker({ modules: [MODULE] });
        opened.unshift(started);
        opened.unshift(await WorkerPool.open({ discovery: new StaticDiscovery([started.remote]) }));
      } else opened.unshift(await WorkerPool.open({ size: 2, worker }));
    });

    after(async () => {
      for (const one of opened) await one[Symbol.asyncDispose]();
    });

    test("a callback sees what its body does, and nobody sees what it sets", async () => {
      const seen: unknown[] = [];

      const told = await requestId.run("mine", () =>
        tenant.run("acme", async () => {
          const call = jobs.setAndCall(
            callback((n: number) => {
              seen.push([n, ...variablesHere()]);
              tenant.set(`callback ${n}`);
              step.set(-1);
              return tenant.get();
            }),
          );
          tenant.set("later"); // after the call was made
          const { answers, after } = await call;
          return { answers, after, here: variablesHere() };
        }),
      );

      assert.deepEqual(seen, [
        [1, "acme", 0, "mine"],
        [2, "acme", 7, "mine"],
        [3, "inner", 7, "mine"],
      ]);
      assert.deepEqual(told.answers, ["callback 1", "callback 2", "callback 3"]);
      assert.deepEqual(told.after, ["acme", 7]);
      assert.deepEqual(told.here, ["later", 7, "mine"]);
    });

    test("a source sees what its reader has set, and that what it sets with each item", async () => {
      async function* source(): AsyncGenerator<unknown, string> {
        for (let n = 0; n < 2; n++) {
          const seen = variablesHere();
          tenant.set(`item ${n}`);
          yield seen;
        }
        tenant.set("end");
        return "returned";
      }

      const { read, here } = await tenant.run("acme", async () => {
        return { read: await jobs.readAndSet(source(), 2), here: variablesHere() };
      });

      assert.deepEqual(read.seen, [
        [["acme", 100, "-"], "item 0"],
        [["item 0", 101, "-"], "item 1"],
      ]);
      assert.deepEqual([read.done, read.value, read.tenant], [true, "returned", "end"]);
      assert.deepEqual(here, ["end", 101, "-"]); // by way of the body
    });

    test("each item brings what was set with it, however far the source runs ahead", async () => {
      async function* source(): AsyncGenerator<number> {
        for (let n = 0; n < 500; n++) {
          if (n % 3 === 0) tenant.set(`item ${n}`);
          yield n;
        }
      }

      const seen = await fork(() => jobs.tenantsOf(source()));

      assert.deepEqual(
        seen,
        Array.from({ length: 500 }, (_, n) => [n, `item ${n - (n % 3)}`]),
      );
    });

    test("the source of a stream in an answer runs in a fork as well", async () => {
      const seen = await tenant.run("acme", async () => {
        const items = (await jobs.tenants(2)) as AsyncIterableIterator<number>;
        const before = tenant.get();
        step.set(5);
        const first = await items.next();
        const between = tenant.get();
        step.set(6);
        const second = await fork(async () => ({ ...(await items.next()), tenant: tenant.get() }));
        return [before, first.value, between, second.value, second.tenant, tenant.get()];
      });

      assert.deepEqual(seen, ["of the body", 5, "item 0", 6, "item 1", "item 0"]);
    });

    test("what a callback and a source call is called as where their call was made", async () => {
      async function* source(): AsyncGenerator<unknown> {
        yield await jobs.whoCalls();
      }
      const called: unknown[] = [];

      await requests.run("request 7", () =>
        withCallOptions({ tag: "nightly" }, () =>
          tenant.run("acme", async () => {
            called.push(...(await jobs.readAndSet(source(), 1)).seen);
            await jobs.setAndCall(callback(async (n) => void called.push([n, await jobs.whoCalls()])));
          }),
        ),
      );

      const by = (name: string) => ({ tag: "nightly", request: "request 7", tenant: name });
      assert.deepEqual(called, [
        [by("acme"), "acme"],
        [1, by("acme")],
        [2, by("acme")],
        [3, by("inner")],
      ]);
    });

    if (worker === "network") return; // its workers have no pool
    test("through a worker in the middle they see each other as well", async () => {
      async function* source(): AsyncGenerator<unknown> {
        for (let n = 0; n < 2; n++) {
          const seen = variablesHere();
          tenant.set(`item ${n}`);
          yield seen;
        }
      }
      const seen: unknown[] = [];

      const { read, called, here } = await tenant.run("acme", async () => {
        const tell = callback((n: number) => void seen.push([n, ...variablesHere()]));
        return { ...(await jobs.relayed(source(), tell)), here: variablesHere() };
      });

      assert.deepEqual(read.seen, [
        [["acme", 100, "-"], "item 0"],
        [["item 0", 101, "-"], "item 1"],
      ]);
      assert.deepEqual(seen, [
        [1, "item 1", 101, "-"],
        [2, "item 1", 7, "-"],
        [3, "inner", 7, "-"],
      ]);
      assert.deepEqual(called.after, ["item 1", 7]);
      assert.deepEqual(here, ["item 1", 7, "-"]);
    });
  });
}

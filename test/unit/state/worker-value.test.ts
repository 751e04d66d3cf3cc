/** A value of a worker: made once, tried again, given up, disposed of; and what must not wait for itself. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import { runInScope } from "../../../src/context/scope.ts";
import { rootBranch } from "../../../src/context/variables/current-branch.ts";
import type { WorkerStateError } from "../../../src/errors/worker-state-error.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { endLife } from "../../../src/state/life.ts";
import { type MakeContext, WorkerValue } from "../../../src/state/worker-value.ts";
import { useFakeClock } from "../../support/use-fake-clock.ts";
import { useWarnings } from "../../support/use-warnings.ts";

type Make<T> = (context: MakeContext) => T | PromiseLike<T>;

function valueOf<T>(
  id: string,
  make: Make<T>,
  options: { readonly queue?: DeadlineQueue; readonly timeoutMs?: number; dispose?(value: T): unknown } = {},
): WorkerValue<T> {
  const { queue, timeoutMs = 60_000, dispose } = options;
  return new WorkerValue({ id, make, dispose, timeoutMs, queue });
}

/** The reason for which a value cannot be had. */
async function reasonOf(getting: Promise<unknown>): Promise<string> {
  const error = (await getting.then(
    () => assert.fail("it was had"),
    (thrown: unknown) => thrown,
  )) as WorkerStateError;
  assert.equal(error.code, "ERR_MERINO_WORKER_STATE");
  return error.reason;
}

describe("WorkerValue", () => {
  test("is made once for all who ask, and gives the same promise from then on", async () => {
    let made = 0;
    const coming = createDeferred();
    const value = valueOf("a#once", async () => {
      made += 1;
      await coming.promise;
      return made;
    });

    const asked = [value.get(), value.get()];
    coming.resolve();

    assert.deepEqual(await Promise.all(asked), [1, 1]);
    assert.equal(value.get(), value.get());
    assert.equal(made, 1);
    await endLife();
  });

  test("takes a function that gives it at once, and rejects with what one throws at once", async () => {
    const thrown = new TypeError("no");
    const there = valueOf("a#there", () => 1);
    const absent = valueOf("a#absent", () => {
      throw thrown;
    });

    assert.equal(await there.get(), 1);
    await assert.rejects(absent.get(), (error) => error === thrown);
    await endLife();
  });

  test("is tried again by the next who asks, after a pause that grows", async () => {
    using clock = useFakeClock();
    const queue = new DeadlineQueue(clock);
    const tries: number[] = [];
    const value = valueOf(
      "a#again",
      () => {
        tries.push(clock.now());
        if (tries.length < 4) throw new Error("not yet");
        return "made";
      },
      { queue },
    );

    for (let attempt = 1; attempt < 4; attempt++) {
      const failing = assert.rejects(value.get(), { message: "not yet" });
      await clock.advance(1_000);
      await failing;
    }
    const last = value.get();
    await clock.advance(1_000);

    assert.equal(await last, "made");
    // The second and third attempts come without a wait: a second had passed since the one before.
    assert.equal(tries.length, 4);
    await endLife();
  });

  test("makes who asks right after a failure wait for the pause, and all of them for one attempt", async () => {
    using clock = useFakeClock();
    const queue = new DeadlineQueue(clock);
    let tries = 0;
    const value = valueOf(
      "a#pause",
      () => {
        tries += 1;
        if (tries === 1) throw new Error("not yet");
        return tries;
      },
      { queue },
    );
    await assert.rejects(value.get());

    const asked = [value.get(), value.get()];
    await clock.advance(79);
    const before = tries;
    await clock.advance(42);

    assert.equal(before, 1);
    assert.deepEqual(await Promise.all(asked), [2, 2]);
    await endLife();
  });

  test("is given up after its time, and disposed of if it comes all the same", async () => {
    using clock = useFakeClock();
    const queue = new DeadlineQueue(clock);
    const coming = createDeferred<string>();
    const disposed: string[] = [];
    const signals: AbortSignal[] = [];
    const value = valueOf(
      "a#late",
      async ({ signal }) => {
        signals.push(signal);
        return await coming.promise;
      },
      { queue, timeoutMs: 500, dispose: (late) => disposed.push(late) },
    );

    const reason = reasonOf(value.get());
    await clock.advance(0); // it is being made
    await clock.advance(501);
    assert.equal(await reason, "timeout");
    assert.equal(signals[0]?.aborted, true);
    coming.resolve("late");
    await clock.advance(1);

    assert.deepEqual(disposed, ["late"]);
  });

  test("does not wait for itself, nor for what waits for it", async () => {
    const self: WorkerValue<unknown> = valueOf("a#self", () => self.get());
    const one: WorkerValue<unknown> = valueOf("a#one", async () => await two.get());
    const two: WorkerValue<unknown> = valueOf("a#two", async () => await three.get());
    const three: WorkerValue<unknown> = valueOf("a#three", async () => await one.get());

    assert.equal(await reasonOf(self.get()), "cycle");
    const error = (await one.get().catch((thrown: unknown) => thrown)) as Error;

    assert.equal(
      error.message,
      "Cannot get 'a#one': making 'a#three' waits for 'a#one', which waits for 'a#two', which waits for 'a#three'",
    );
  });

  test("finds two that wait for one another, whoever has asked for each", async () => {
    const both = createDeferred();
    const one: WorkerValue<unknown> = valueOf("a#first", async () => {
      await both.promise;
      return await two.get();
    });
    const two: WorkerValue<unknown> = valueOf("a#second", async () => {
      await both.promise;
      return await one.get();
    });

    const reasons = [reasonOf(one.get()), reasonOf(two.get())];
    both.resolve();

    assert.deepEqual(await Promise.all(reasons), ["cycle", "cycle"]);
  });

  test("may wait for one that others wait for as well", async () => {
    const shared = valueOf("a#shared", async () => 1);
    const left = valueOf("a#left", async () => (await shared.get()) + 1);
    const right = valueOf("a#right", async () => (await shared.get()) + (await left.get()));

    assert.deepEqual(await Promise.all([left.get(), right.get()]), [2, 3]);
    await endLife();
  });

  test("is made outside of the task that asks, which ends alone with its signal", async () => {
    const coming = createDeferred<number>();
    const tasks: unknown[] = [];
    const value = valueOf("a#task", async () => {
      tasks.push((await import("../../../src/context/scope.ts")).currentTask());
      return await coming.promise;
    });
    const controller = new AbortController();
    const task = { signal: controller.signal } as never;
    const scope = { task, dispatcher: undefined, callOptions: undefined, branch: rootBranch() };

    const cancelled = runInScope(scope, () => value.get());
    const other = value.get();
    controller.abort(new Error("enough"));
    await assert.rejects(cancelled, { message: "enough" });
    coming.resolve(1);

    assert.equal(await other, 1);
    assert.deepEqual(tasks, [undefined]);
    await endLife();
  });
});

describe("the end of a worker's life", () => {
  test("is made in no store of the code that asks first, and that code goes on in its own", async () => {
    const store = new AsyncLocalStorage<string>();
    const value = valueOf("a#stores", async () => {
      await Promise.resolve();
      return store.getStore() ?? "none";
    });

    const seen = await store.run("a request", async () => [await value.get(), store.getStore()]);

    assert.deepEqual(seen, ["none", "a request"]);
  });

  test("disposes of values, the last first, and of none twice", async () => {
    const disposed: string[] = [];
    const values = ["x", "y", "z"].map((name) =>
      valueOf(`a#${name}`, async () => name, { dispose: (value) => disposed.push(value) }),
    );
    for (const value of values) await value.get();

    await Promise.all([endLife(), endLife()]);
    await endLife();

    assert.deepEqual(disposed, ["z", "y", "x"]);
    assert.equal(await values[0]?.get(), "x"); // a program may have it again
    await endLife();
  });

  test("gives up what is being made, and makes nothing until it is over", async () => {
    const aborted = createDeferred<unknown>();
    const begun = createDeferred();
    const value = valueOf(
      "a#stopped",
      ({ signal }) =>
        new Promise<never>((_, reject) => {
          begun.resolve();
          signal.addEventListener("abort", () => {
            aborted.resolve(signal.reason);
            reject(new Error("stopped"));
          });
        }),
    );

    const waiting = reasonOf(value.get());
    await begun.promise;
    const over = endLife();
    const another = reasonOf(value.get());
    const fresh = reasonOf(valueOf("a#fresh", () => 1).get());
    await over;

    assert.deepEqual(await Promise.all([waiting, another, fresh]), ["ended", "ended", "ended"]);
    assert.equal(((await aborted.promise) as DOMException).name, "AbortError");
  });

  test("goes on after a disposal that throws and one that hangs, and tells of both", async () => {
    using clock = useFakeClock();
    using warnings = useWarnings();
    const disposed: string[] = [];
    const add = (name: string, dispose: () => unknown): Promise<unknown> =>
      valueOf(`a#${name}`, () => name, { dispose }).get();
    await add("first", () => disposed.push("first"));
    await add("hanging", () => new Promise(() => {}));
    await add("throwing", () => {
      throw new Error("cannot close");
    });

    const over = endLife(new DeadlineQueue(clock));
    await clock.advance(0); // the one that hangs is being waited for
    await clock.advance(1_001);
    await over;

    assert.deepEqual(disposed, ["first"]);
    await new Promise(setImmediate);
    assert.deepEqual(warnings.messages, [
      "Disposing of 'a#throwing' has failed: cannot close",
      "Disposing of 'a#hanging' has not ended within 1000 ms, and is not waited for",
    ]);
  });

  test("lets what is disposed of have what was made before it", async () => {
    const seen: unknown[] = [];
    const connection = valueOf("a#connection", () => "connection", { dispose: () => seen.push("closed") });
    const cache = valueOf("a#cache", async () => await connection.get(), {
      dispose: async () => seen.push(await connection.get()),
    });
    await cache.get();

    await endLife();

    assert.deepEqual(seen, ["connection", "closed"]);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Balancer } from "../../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../../src/balancer/least-busy-balancer.ts";
import { StickyBalancer } from "../../../../src/balancer/sticky-balancer.ts";
import type { TaskEvent } from "../../../../src/client/dispatch/task-event.ts";
import { Extension, HEADER_PLAIN } from "../../../../src/codec/format.ts";
import { isMerinoError } from "../../../../src/errors/merino-error.ts";
import { NoWorkersAvailableError } from "../../../../src/errors/no-workers-available-error.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { RoutineNotFoundError } from "../../../../src/errors/routine-not-found-error.ts";
import type { TaskRefusedError } from "../../../../src/errors/task-refused-error.ts";
import { TimeoutError } from "../../../../src/errors/timeout-error.ts";
import { VersionError } from "../../../../src/errors/version-error.ts";
import { WorkerLostError } from "../../../../src/errors/worker-lost-error.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import type { Routine } from "../../../../src/routine/routine-types.ts";
import type { BatchWriter } from "../../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  batchOf,
  headOf,
  helloWith,
  messageHead,
  payloadFrom,
  payloadOf,
} from "../../../support/protocol-peers.ts";
import { type Answer, stubParent, useDispatcher } from "../../../support/use-dispatcher.ts";

/** The ways in which a worker can spoil the answer to a function. */
const SPOILING: Readonly<Record<string, Answer>> = {
  "resets its stream": (writer, stream) => writer.reset(stream, 0, "just so"),
  "answers with a task": (writer, stream) => writer.task(stream, headOf({ callable: "a" }), payloadOf([])),
  "streams a value": (writer, stream) =>
    writer.message(stream, messageHead(FrameKind.Result), payloadOf("one")),
  "answers with what is no value": (writer, stream) =>
    writer.message(stream, messageHead(FrameKind.Done), payloadFrom(Uint8Array.of(HEADER_PLAIN, 0xc1))),
  "throws what is no value": (writer, stream) =>
    writer.message(stream, messageHead(FrameKind.Exception), payloadFrom(Uint8Array.of(HEADER_PLAIN, 0xc1))),
};

const add = (a: number, b: number): number => a + b;

/** A body that ends when the test says so. */
function useGate() {
  const waiting: Array<() => void> = [];
  return {
    body: () => new Promise<string>((resolve) => waiting.push(() => resolve("through"))),
    count: () => waiting.length,
    open() {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error,
  );
}

describe("CallDispatcher", () => {
  test("settles a call with the value of the worker, and counts it", async () => {
    await using t = useDispatcher();
    t.add("a", { add });

    const sum = await t.call("add", [1, 2]);

    assert.equal(sum, 3);
    assert.equal(t.worker("a").starts, 1);
    assert.deepEqual(t.dispatcher.counts, {
      calls: 1,
      completed: 1,
      failed: 0,
      cancelled: 0,
      abandoned: 0,
      redirected: 0,
      retried: 0,
      hedged: 0,
      throttled: 0,
    });
    assert.equal(t.dispatcher.unsettled, 0);
  });

  test("settles a call with the error of its routine", async () => {
    await using t = useDispatcher();
    t.add("a", {
      fail: () => {
        throw new TypeError("no");
      },
    });

    const error = await rejection(t.call("fail"));

    assert.ok(error instanceof TypeError);
    assert.equal(t.dispatcher.counts.failed, 1);
  });

  for (const [how, spoil] of Object.entries(SPOILING)) {
    test(`evicts a worker that ${how} five times in a row, and has it back later`, async () => {
      await using t = useDispatcher({ answering: { bad: spoil } });
      t.add("bad", {});
      await t.ready(1);

      for (let n = 0; n < 4; n++) await rejection(t.call("add"));
      assert.ok(t.membership.get("bad") !== undefined);
      const last = await rejection(t.call("add"));

      assert.ok(isMerinoError(last) && ["ERR_MERINO_PROTOCOL", "ERR_MERINO_BAD_PAYLOAD"].includes(last.code));
      assert.equal(t.membership.get("bad"), undefined);
      const [refusal] = t.membership.refusals();
      assert.equal(refusal?.reason, "evicted");
      assert.match(refusal?.detail ?? "", /spoiled 5 calls in a row/);
      await t.ready(1);
    });
  }

  test("fails a generator's call when its worker sends more values ahead than it was let to", async () => {
    const flood = (writer: BatchWriter, stream: number): void => {
      for (let n = 0; n < 100; n++) writer.message(stream, messageHead(FrameKind.Result), payloadOf(n));
    };
    await using t = useDispatcher({ answering: { bad: flood } });
    t.add("bad", {});
    await t.ready(1);

    const error = await rejection(
      (async () => {
        for await (const _ of t.stream("values", { prefetch: 4 }));
      })(),
    );

    assert.ok(isMerinoError(error) && error.code === "ERR_MERINO_PROTOCOL");
  });

  test("evicts workers that spoil streams after a good value, each after five, beside a healthy one", async () => {
    const good = (writer: BatchWriter, stream: number): void => {
      writer.message(stream, messageHead(FrameKind.Result), payloadOf("value"));
      writer.message(stream, messageHead(FrameKind.Done), payloadOf(undefined));
    };
    const spoilLate = (writer: BatchWriter, stream: number): void => {
      writer.message(stream, messageHead(FrameKind.Result), payloadOf("value"));
      writer.reset(stream, 0, "just so");
    };
    await using t = useDispatcher({
      answering: { bad: spoilLate, worse: spoilLate, good },
      coolDownMs: 60_000,
    });
    for (const uid of ["bad", "worse", "good"]) t.add(uid, {});
    await t.ready(3);

    let spoiled = 0;
    for (let n = 0; n < 60; n++) {
      try {
        for await (const value of t.stream("values")) assert.equal(value, "value");
      } catch {
        spoiled += 1;
      }
    }

    assert.equal(spoiled, 10);
    assert.deepEqual(
      t.membership
        .refusals()
        .map(({ uid }) => uid)
        .sort(),
      ["bad", "worse"],
    );
  });

  test("fails no more than five calls, however many there are, for a worker that spoils all beside a healthy one", async () => {
    const reset = (writer: BatchWriter, stream: number): void => writer.reset(stream, 0, "just so");
    await using t = useDispatcher({ answering: { bad: reset }, coolDownMs: 60_000 });
    t.add("bad", {});
    t.add("good", { add });
    await t.ready(2);

    const outcomes: unknown[] = [];
    for (let n = 0; n < 100; n++) outcomes.push(await t.call("add", [n, 1]).catch(() => "spoiled"));

    assert.equal(outcomes.filter((outcome) => outcome === "spoiled").length, 5);
    assert.equal(t.worker("good").starts, 95);
  });

  test("keeps a worker that answers one call in five as it should, with a value or an error", async () => {
    for (const kind of [FrameKind.Done, FrameKind.Exception] as const) {
      let calls = 0;
      await using t = useDispatcher({
        answering: {
          bad: (writer, stream) => {
            calls += 1;
            if (calls % 5 === 0) writer.message(stream, messageHead(kind), payloadOf("answered"));
            else writer.reset(stream, 0, "just so");
          },
        },
      });
      t.add("bad", {});
      await t.ready(1);

      for (let n = 0; n < 25; n++) await t.call("add").catch(() => {});

      assert.equal(calls, 25);
      assert.ok(t.membership.get("bad") !== undefined);
    }
  });

  test("keeps a worker whose answers hold what only a later version knows", async () => {
    // An instance of a class by the name of 'x'.
    const unknown = payloadFrom(Uint8Array.of(HEADER_PLAIN, 0xc7, 3, Extension.INSTANCE, 0xa1, 0x78, 0x80));
    await using t = useDispatcher({
      answering: {
        far: (writer, stream) => writer.message(stream, messageHead(FrameKind.Done), unknown),
      },
    });
    t.add("far", {});
    await t.ready(1);

    for (let n = 0; n < 10; n++) {
      const error = await rejection(t.call("add"));
      assert.ok(error instanceof PayloadError);
      assert.match(error.message, /not registered here/);
    }

    assert.ok(t.membership.get("far") !== undefined);
  });

  test("keeps calls until as many members are there as the quorum wants", async () => {
    await using t = useDispatcher({ quorum: 2 });
    t.add("a", { add });
    await t.ready(1);
    const sum = t.call("add", [1, 2]);
    assert.equal(t.dispatcher.queued, 1);

    t.add("b", { add });

    assert.equal(await sum, 3);
    assert.equal(t.dispatcher.queued, 0);
  });

  test("sends the calls of a tag to one worker, however the first attempts to connect overtake each other", async () => {
    const gate = createDeferred<void>();
    await using t = useDispatcher({
      balancer: new StickyBalancer(),
      firstAttemptsMs: 3_600_000,
      late: { b: gate.promise, c: gate.promise },
    });
    for (const uid of ["a", "b", "c"]) t.add(uid, { where: () => uid });
    await t.ready(1);
    const tags = Array.from({ length: 60 }, (_, n) => `customer-${n}`);
    const places = (): Promise<unknown[]> =>
      Promise.all(tags.map((tag) => t.call("where", [], { tag }, stubParent())));

    const first = places();
    assert.equal(t.dispatcher.queued, 60);
    gate.resolve();

    assert.deepEqual(await first, await places());
    assert.equal(new Set(await first).size, 3);
  });

  test("spreads a first burst of nested calls over all workers that are being connected to", async () => {
    const gate = createDeferred<void>();
    await using t = useDispatcher({ firstAttemptsMs: 3_600_000, late: { b: gate.promise, c: gate.promise } });
    for (const uid of ["a", "b", "c"]) t.add(uid, { where: () => uid });
    await t.ready(1);

    const calls = Array.from({ length: 12 }, () => t.call("where", [], {}, stubParent()));
    gate.resolve();
    await Promise.all(calls);

    for (const uid of ["a", "b", "c"]) assert.equal(t.worker(uid).starts, 4);
  });

  test("fails calls that have waited too long for a first worker, with the last failure of a start", async () => {
    const lastStartError = new Error("out of paper");
    await using t = useDispatcher({ waitTimeoutMs: 20, lastStartError });

    const errors = await Promise.all([rejection(t.call("add")), rejection(t.call("add"))]);

    for (const error of errors) {
      assert.ok(error instanceof NoWorkersAvailableError);
      assert.equal(error.cause, lastStartError);
    }
    assert.equal(t.dispatcher.unsettled, 0);
  });

  test("sends one call of an unknown routine to each worker, and keeps the rest for whoever is free first", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    for (const uid of ["a", "b"]) t.add(uid, { wait: gate.body });
    await t.ready(2);

    const calls = Array.from({ length: 5 }, () => t.call("wait"));

    assert.equal(t.dispatcher.queued, 3);
    // Bodies that have suspended delay nobody.
    await eventually(() => gate.count() === 5);
    assert.equal(t.dispatcher.queued, 0);
    gate.open();
    assert.deepEqual(
      await Promise.all(calls),
      Array.from({ length: 5 }, () => "through"),
    );
    assert.ok(t.worker("a").starts > 0 && t.worker("b").starts > 0);
  });

  test("spreads calls that wait for something evenly, though one worker answers before the others", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    const found = createDeferred<void>();
    t.add("a", { wait: gate.body });
    for (const uid of ["b", "c", "d"]) t.add(uid, { wait: gate.body }, { found: found.promise });
    await t.ready(4);

    const calls = Array.from({ length: 100 }, () => t.call("wait"));
    await eventually(() => t.dispatcher.queued === 0);

    assert.deepEqual(
      t.membership.members.map(({ inFlight }) => inFlight),
      [25, 25, 25, 25],
    );
    found.resolve();
    await eventually(() => gate.count() === 100);
    gate.open();
    await Promise.all(calls);
  });

  test("spreads streams evenly, though one worker gives its first values before the others", async () => {
    await using t = useDispatcher();
    const found = createDeferred<void>();
    const values = async function* () {
      yield 1;
    };
    t.add("a", { values });
    for (const uid of ["b", "c"]) t.add(uid, { values }, { found: found.promise });
    await t.ready(3);

    const streams = Array.from({ length: 30 }, () => t.stream("values"));
    const firsts = streams.map((stream) => stream.next());
    await eventually(() => t.dispatcher.queued === 0);

    assert.deepEqual(
      t.membership.members.map(({ inFlight }) => inFlight),
      [10, 10, 10],
    );
    found.resolve();
    await Promise.all(firsts);
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  });

  test("sends no call that waits for something behind a body that may have the thread", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    const found = createDeferred<void>();
    t.add("a", { wait: gate.body, long: gate.body });
    t.add("b", { wait: gate.body, long: gate.body }, { found: found.promise });
    await t.ready(2);
    const first = t.call("wait");
    await eventually(() => gate.count() === 1 && t.membership.get("a")?.inFlight === 1);
    const long = t.call("long");
    assert.equal(t.membership.get("b")?.inFlight, 1);

    const calls = Array.from({ length: 30 }, () => t.call("wait"));
    await eventually(() => t.dispatcher.queued === 0);

    assert.equal(t.membership.get("a")?.inFlight, 31);
    found.resolve();
    await eventually(() => gate.count() === 32);
    gate.open();
    await Promise.all([first, long, ...calls]);
  });

  test("starts calls in the order in which they were made", async () => {
    await using t = useDispatcher();
    const order: number[] = [];
    t.add("a", { note: (n: number) => order.push(n) });

    await Promise.all(Array.from({ length: 50 }, (_, n) => t.call("note", [n])));

    assert.deepEqual(
      order,
      Array.from({ length: 50 }, (_, n) => n),
    );
  });

  test("goes on to the next candidate when a worker does not know the routine", async () => {
    await using t = useDispatcher();
    t.add("a", {});
    t.add("b", { add });
    await t.ready(2);

    const sums = await Promise.all(Array.from({ length: 6 }, (_, n) => t.call("add", [n, 1])));

    assert.deepEqual(sums, [1, 2, 3, 4, 5, 6]);
    assert.equal(t.worker("b").starts, 6);
    assert.ok(t.dispatcher.counts.redirected > 0);
  });

  test("fails a call whose routine no worker knows", async () => {
    await using t = useDispatcher();
    for (const uid of ["a", "b"]) t.add(uid, {});
    await t.ready(2);

    const error = await rejection(t.call("add"));

    assert.ok(error instanceof RoutineNotFoundError);
    assert.equal(t.dispatcher.counts.failed, 1);
  });

  test("goes on to the next candidate with a routine that a worker does not expose, tainted or not", async () => {
    const nack = { code: NackCode.NOT_EXPOSED, reason: "hidden", retryAfterMs: 0, version: "" };
    await using t = useDispatcher({ refusing: { a: nack } });
    t.add("a", {});
    await t.ready(1);
    const standIn = processReferences.resolveRoutine({
      id: "add",
      module: undefined,
      generator: false,
      tainted: true,
    }) as (...parameters: unknown[]) => Promise<unknown>;
    const call = (): Promise<unknown> => (standIn as unknown as Routine<typeof add>).with({ pool: t })(1, 2);

    const alone = (await rejection(call())) as TaskRefusedError;
    const other = (await rejection(t.call("add", [1, 2]))) as TaskRefusedError;
    t.add("b", { add });
    await t.ready(2);
    const sums = await Promise.all(Array.from({ length: 6 }, call));
    const otherSums = await Promise.all(Array.from({ length: 6 }, () => t.call("add", [1, 2])));

    assert.deepEqual([alone.refusal, other.refusal], ["NOT_EXPOSED", "NOT_EXPOSED"]);
    assert.deepEqual([sums, otherSums], [new Array(6).fill(3), new Array(6).fill(3)]);
    assert.deepEqual(
      t.worker("b").requests.map(({ tainted }) => tainted === true),
      [...new Array(6).fill(true), ...new Array(6).fill(false)],
    );
  });

  test("sends nothing new to a worker that drains", async () => {
    await using t = useDispatcher();
    for (const uid of ["a", "b"]) t.add(uid, { add });
    await t.ready(2);
    t.worker("a").tasks.drain();
    await eventually(() => t.membership.get("a")?.draining);

    await Promise.all(Array.from({ length: 10 }, () => t.call("add", [1, 2])));

    assert.equal(t.worker("a").starts, 0);
    assert.equal(t.worker("b").starts, 10);
  });

  test("still sends to a draining worker that spares this connection", async () => {
    await using t = useDispatcher();
    t.add("a", { add });
    await t.ready(1);
    const hello = t.membership.get("a")?.session?.connection.hello;
    assert.ok(hello !== undefined);
    t.worker("a").tasks.drain({ client: hello.uid, session: hello.session });

    assert.equal(await t.call("add", [1, 2]), 3);

    t.worker("a").tasks.drain();
    await eventually(() => t.membership.get("a")?.draining);
  });

  test("settles the calls of a lost connection with WorkerLostError and what is known of the worker", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    t.add("a", { wait: gate.body });
    const call = rejection(t.call("wait"));
    await eventually(() => gate.count() === 1);

    t.carrier("a").cut();

    const error = await call;
    assert.ok(error instanceof WorkerLostError);
    assert.deepEqual(error.worker, { uid: "a", exitCode: 7 });
    assert.equal(t.worker("a").starts, 1);
    assert.equal(t.dispatcher.unsettled, 0);
  });

  for (const leaving of [false, true]) {
    test(`tells the calls of a connection that ends ${leaving ? "after its worker said that it ends" : "unasked"} so`, async () => {
      await using t = useDispatcher({ exitCode: 0 });
      const gate = useGate();
      t.add("a", { wait: gate.body });
      const call = rejection(t.call("wait"));
      await eventually(() => gate.count() === 1);
      if (leaving) {
        t.worker("a").tasks.drain();
        await eventually(() => t.membership.get("a")?.draining);
      }

      t.carrier("a").cut();

      const error = await call;
      assert.ok(error instanceof WorkerLostError);
      assert.equal(error.reason, leaving ? "stopped" : "lost");
    });
  }

  test("calls the call that a process took with it lost, and sends one that it has not started to another worker", async () => {
    await using t = useDispatcher({ exitCode: 0 });
    const gate = useGate();
    t.add("a", { wait: gate.body });
    const call = rejection(t.call("wait"));
    await eventually(() => gate.count() === 1);

    t.worker("a").tasks.leave();
    await eventually(() => t.membership.get("a")?.draining);
    const next = t.call("add", [1, 2]);
    t.carrier("a").cut();
    t.add("b", { add: (x, y) => Number(x) + Number(y) });

    const error = await call;
    assert.ok(error instanceof WorkerLostError);
    assert.equal(error.reason, "lost");
    assert.equal(await next, 3);
  });

  test("takes a cancelled call off the queue; its body never starts", async () => {
    await using t = useDispatcher({ quorum: 1 });
    const controller = new AbortController();
    const call = rejection(t.call("add", [1, 2], { signal: controller.signal }));
    const other = t.call("add", [3, 4]);

    const reason = new Error("never mind");
    controller.abort(reason);
    t.add("a", { add });

    assert.equal(await call, reason);
    assert.equal(await other, 7);
    assert.equal(t.worker("a").starts, 1);
    assert.equal(t.dispatcher.counts.cancelled, 1);
  });

  test("names the phase of a call that runs out of time", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    const queued = await rejection(t.call("wait", [], { timeout: 10 }));
    t.add("a", { wait: gate.body });
    await t.ready(1);

    const running = await rejection(t.call("wait", [], { timeout: 100 }));

    assert.ok(queued instanceof TimeoutError && running instanceof TimeoutError);
    assert.equal(queued.phase, "queued");
    assert.equal(running.phase, "running");
  });

  test("refuses new calls when told to, and lets those under way settle", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    t.add("a", { wait: gate.body });
    const call = t.call("wait");
    await eventually(() => gate.count() === 1);
    const reason = new Error("closing");

    t.dispatcher.refuse(() => reason);
    const settled = t.dispatcher.settled();
    assert.equal(await rejection(t.call("wait")), reason);
    gate.open();

    assert.equal(await call, "through");
    await settled;
  });

  test("ends every call when told to", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    t.add("a", { wait: gate.body });
    const calls = Array.from({ length: 3 }, () => rejection(t.call("wait")));
    await eventually(() => gate.count() === 3);
    const reason = new Error("over");

    t.dispatcher.abortAll(() => reason);

    assert.deepEqual(await Promise.all(calls), [reason, reason, reason]);
    await t.dispatcher.settled();
  });

  test("tells a balancer without a fast path of every outcome", async () => {
    const heard: string[] = [];
    const balancer: Balancer = {
      *delegate() {
        for (const uid of ["nobody", "a", "b"]) {
          try {
            const accepted = yield uid;
            heard.push(`${uid} ${accepted === undefined ? "gone" : "accepted"}`);
            if (accepted !== undefined) return;
          } catch (error) {
            heard.push(`${uid} ${error instanceof RoutineNotFoundError ? "failed" : String(error)}`);
          }
        }
      },
    };
    await using t = useDispatcher({ balancer });
    t.add("a", {});
    t.add("b", { add });
    await t.ready(2);

    const sum = await t.call("add", [1, 2]);

    assert.equal(sum, 3);
    assert.deepEqual(heard, ["nobody gone", "a failed", "b accepted"]);
  });

  test("keeps calls of one tag on one worker, and lets others past those that wait for it", async () => {
    await using t = useDispatcher({ balancer: new StickyBalancer() });
    const gates = new Map(["a", "b"].map((uid) => [uid, useGate()]));
    for (const uid of ["a", "b"]) {
      const gate = gates.get(uid) ?? assert.fail();
      // A body that suspends makes room; these take up their worker by never having been heard of.
      t.add(uid, { home: () => uid, hold: gate.body });
    }
    await t.ready(2);
    const tags = Array.from({ length: 40 }, (_, n) => `tag ${n}`);

    const first = await Promise.all(tags.map((tag) => t.call("home", [], { tag })));
    const second = await Promise.all(tags.map((tag) => t.call("home", [], { tag })));

    assert.deepEqual(first, second);
    assert.deepEqual(new Set(first), new Set(["a", "b"]));
    const [tag = ""] = tags;
    const home = String(first[0]);
    const other = tags[first.findIndex((uid) => uid !== home)] ?? "";
    t.carrier(home).pause();
    const stuck = Array.from({ length: 3 }, () => t.call("hold", [], { tag }));
    assert.equal(t.dispatcher.queued, 2); // an unknown routine: one is sent, the others wait for the same worker
    assert.notEqual(await t.call("home", [], { tag: other }), home);
    t.carrier(home).resume();
    await eventually(() => gates.get(home)?.count() === 3);
    gates.get(home)?.open();
    await Promise.all(stuck);
  });

  test("runs refused calls once that wait for one worker, and lets each wait until that has room", async () => {
    const connected = createDeferred();
    await using t = useDispatcher({ balancer: new StickyBalancer(), late: { b: connected.promise } });
    const gate = useGate();
    t.add("a", {});
    t.add("b", { wait: gate.body, other: gate.body });
    await t.ready(1);
    const calls = ["wait", "wait", "other", "other"].map((id) => t.call(id, [], { tag: "x" }));
    await eventually(() => t.dispatcher.counts.redirected === calls.length);

    connected.resolve();

    await eventually(() => gate.count() === calls.length);
    gate.open();
    assert.deepEqual(await Promise.all(calls), ["through", "through", "through", "through"]);
    assert.equal(t.worker("b").starts, calls.length);
    assert.equal(t.dispatcher.queued, 0);
  });

  test("sends a call that a full worker puts off for long to another one that comes meanwhile", async () => {
    const full = { code: NackCode.FULL, reason: "", retryAfterMs: 10_000_000, version: "" };
    await using t = useDispatcher({ refusing: { a: full } });
    t.add("a", {});
    await t.ready(1);
    const sum = t.call("add", [1, 2]);
    await eventually(() => t.dispatcher.counts.redirected === 1);

    t.add("b", { add });

    assert.equal(await sum, 3);
  });

  test("asks a full worker seldom, however many calls wait for it", async () => {
    const count = 200;
    await using t = useDispatcher();
    const nap = async (): Promise<void> => {
      await pause(20);
    };
    t.add("a", { nap }, { accept: ({ inFlight }) => inFlight < 4 });
    await t.ready(1);

    await Promise.all(Array.from({ length: count }, () => t.call("nap")));

    assert.equal(t.worker("a").starts, count);
    // With all of them asking at a time, it refuses each some fifty times.
    assert.ok(t.dispatcher.counts.redirected < 25 * count, `asked ${t.dispatcher.counts.redirected} times`);
  });

  test("does not ask a worker again and again that takes no nested calls while it drains", async () => {
    const draining = { code: NackCode.DRAINING, reason: "", retryAfterMs: 0, version: "" };
    await using t = useDispatcher({ refusing: { a: draining }, waitTimeoutMs: 50 });
    t.add("a", {});
    await t.ready(1);

    const error = await rejection(t.call("add", [1, 2], undefined, stubParent()));

    assert.ok(error instanceof NoWorkersAvailableError);
    assert.deepEqual(
      error.reasons.map(({ uid, reason }) => `${uid} ${reason}`),
      ["a draining"],
    );
    assert.ok(t.dispatcher.counts.redirected < 10, `asked ${t.dispatcher.counts.redirected} times`);
  });

  const roomOnly: Balancer = {
    *delegate(_task, view) {
      for (const { uid, room } of view) {
        if (!room) continue;
        try {
          if ((yield uid) !== undefined) return;
        } catch {
          // The next.
        }
      }
    },
  };
  for (const [kind, balancer] of Object.entries({
    "with a fast path": new LeastBusyBalancer(),
    "without a fast path": roomOnly,
  })) {
    test(`keeps a call that a draining worker refused when the other one leaves, for a balancer ${kind}`, async () => {
      const draining = { code: NackCode.DRAINING, reason: "", retryAfterMs: 0, version: "" };
      await using t = useDispatcher({ balancer, refusing: { a: draining } });
      t.add("b", { hold: () => new Promise(() => {}) });
      await t.ready(1);
      t.carrier("b").pause();
      void t.call("hold").catch(() => {}); // b has no room
      t.add("a", {});
      await t.ready(2);
      const sum = t.call("add", [1, 2]);
      sum.catch(() => {}); // judged below
      await eventually(() => t.dispatcher.counts.redirected === 1 && t.dispatcher.queued === 1);

      const { metadata } = t.membership.get("b") ?? assert.fail();
      t.membership.observe({ type: "worker-dropped", worker: metadata });
      await pause(10);

      assert.equal(t.dispatcher.counts.failed, 0);
      t.add("c", { add });
      assert.equal(await sum, 3);
    });
  }

  test("reports each step of a call, with the worker's version as its Ack said", async () => {
    const events: TaskEvent[] = [];
    await using t = useDispatcher({ events });
    t.add("a", { add });
    await t.ready(1);

    await t.call("add", [1, 2], { tag: "mine", dispatchTimeout: 60_000 });

    const { version } = helloWith();
    const [{ id } = { id: undefined }] = events;
    assert.match(String(id), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const common = {
      type: "task",
      id,
      routine: "add",
      tag: "mine",
      priority: 0,
      attempt: 1,
      nested: false,
      worker: "a",
      workerVersion: version,
    };
    assert.deepEqual(events, [
      { ...common, phase: "sent" },
      { ...common, phase: "accepted" },
      { ...common, phase: "settled", outcome: "completed" },
    ]);
  });

  test("reports every worker that a call was sent to, and how it ended", async () => {
    const events: TaskEvent[] = [];
    await using t = useDispatcher({ events });
    for (const uid of ["a", "b"]) t.add(uid, {});
    await t.ready(2);
    const controller = new AbortController();

    await rejection(t.call("add"));
    const queued = rejection(t.call("sub", [], { signal: controller.signal }));
    controller.abort(new Error("never mind"));
    await queued;

    const told = events.map((event) =>
      event.phase === "settled" ? event.outcome : `${event.phase} ${event.worker}`,
    );
    assert.deepEqual(told.slice(0, 2).sort(), ["sent a", "sent b"]);
    assert.equal(told[2], "failed");
    assert.equal(told.at(-1), "cancelled");
  });

  test("evicts a worker that refuses a call for its version, and tells the caller of both versions", async () => {
    await using t = useDispatcher();
    t.add("a", { add });
    await t.ready(1);
    t.carrier("a").pause();
    const call = rejection(t.call("add", [1, 2]));
    const nack = { code: NackCode.VERSION, reason: "another major", retryAfterMs: 0, version: "9.0.0" };

    t.carrier("a").events?.batch(...wholeOf(batchOf((writer) => writer.nack(1, nack))));

    const error = await call;
    assert.ok(error instanceof VersionError);
    assert.deepEqual([error.local, error.remote], [helloWith().version, "9.0.0"]);
    assert.deepEqual(
      t.membership.refusals().map(({ uid, reason }) => ({ uid, reason })),
      [{ uid: "a", reason: "version" }],
    );
  });

  test("shows a balancer without a fast path the room for its own call, whatever else is placed meanwhile", async () => {
    const rooms: boolean[][] = [];
    const balancer: Balancer = {
      async *delegate(task, view) {
        await Promise.resolve(); // others are placed while it thinks
        rooms.push(view.map(({ room }) => room));
        assert.equal(view.length, 1);
        assert.equal(view[0]?.metadata.uid, view[0]?.uid);
        for (const { uid, room } of view) if ((room || task.nested) && (yield uid) !== undefined) return;
      },
    };
    await using t = useDispatcher({ balancer });
    t.add("a", { add });
    await t.ready(1);
    t.carrier("a").pause();

    const first = t.call("add", [1, 2]);
    await eventually(() => t.membership.get("a")?.inFlight === 1);
    const second = t.call("add", [3, 4]);
    await eventually(() => rooms.length === 2);
    t.carrier("a").resume();

    assert.deepEqual(await Promise.all([first, second]), [3, 7]);
    assert.deepEqual(rooms, [[true], [false], [true]]);
  });

  test("asks the only worker that may take a call again after a pause while it runs as many as its limit", async () => {
    await using t = useDispatcher();
    const gate = useGate();
    t.add("a", { wait: gate.body }, { limits: { wait: 1 } });
    t.add("b", { wait: gate.body });
    await t.ready(2);
    const first = t.callOnly("a", "wait");
    await eventually(() => gate.count() === 1);

    const second = t.callOnly("a", "wait");
    await eventually(() => t.worker("a").requests.length > 2);
    gate.open();
    await first;
    await eventually(() => gate.count() === 1);
    gate.open();

    assert.equal(await second, "through");
    assert.deepEqual([t.worker("a").starts, t.worker("b").starts], [2, 0]);
    assert.equal(t.dispatcher.counts.redirected, 0);
  });
});

function wholeOf(bytes: Uint8Array): [Uint8Array, number, number] {
  return [bytes, 0, bytes.length];
}

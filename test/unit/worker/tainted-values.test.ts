/**
 * Routines that come over a network, by every way in which a worker gets values: each is its identity only, whatever
 * else the peer says of it, and says so wherever it goes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { portable } from "../../../src/codec/portable.ts";
import type { RoutineReference } from "../../../src/codec/references.ts";
import { currentTask } from "../../../src/context/scope.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { FEATURES } from "../../../src/session/limits.ts";
import { Feature } from "../../../src/wire/features.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import type { IncomingTask } from "../../../src/worker/incoming-task.ts";
import { eventually } from "../../support/eventually.ts";
import { rawClient } from "../../support/hostile/raw-peers.ts";
import {
  batchOf,
  connect,
  headOf,
  helloWith,
  payloadOf,
  TestWorker,
  type TestWorkerOptions,
} from "../../support/protocol-peers.ts";

const MODULE = "file:///etc/passwd.mjs";

/** A routine as a peer names it: over a local carrier, and over a network. */
function named(name: string, tainted = false): object {
  const reference = { id: `app/jobs.js#${name}`, module: MODULE, generator: false, tainted };
  return processReferences.resolveRoutine(reference) as object;
}

class Holder {
  readonly job: unknown;

  constructor(job: unknown) {
    this.job = job;
  }
}
portable(Holder, { id: "app/jobs.js#Holder" });

class Failure extends Error {
  job: unknown;
}
portable(Failure, { id: "app/jobs.js#Failure" });

function failure(job: unknown): Failure {
  return Object.assign(new Failure("failed", { cause: { job } }), { job });
}

/** The references of all routines in a value. */
function routinesIn(value: unknown, seen = new Set<unknown>()): RoutineReference[] {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value))
    return [];
  seen.add(value);
  const reference = processReferences.describeRoutine(value);
  if (reference !== undefined) return [reference];
  const inside: unknown[] =
    value instanceof Map ? [...value.keys(), ...value.values()] : value instanceof Set ? [...value] : [];
  for (const key of Object.getOwnPropertyNames(value))
    inside.push((value as Readonly<Record<string, unknown>>)[key]);
  return inside.flatMap((one) => routinesIn(one, seen));
}

/** Ways to hide a routine in a value. */
const HIDDEN: Readonly<Record<string, (job: object) => unknown>> = {
  "by itself": (job) => job,
  "in an array, twice": (job) => [job, { job }],
  "as a key and a value of a Map": (job) => new Map([[job, [job]]]),
  "in a Set": (job) => new Set([job]),
  "in an object without prototype": (job) => Object.assign(Object.create(null) as object, { job }),
  "in an instance": (job) => new Holder({ job }),
  "in an error, its cause and its errors": (job) =>
    new AggregateError([failure(job)], "all", { cause: [job] }),
};

/** What a body has seen of the values that it was given. */
function recorder() {
  const seen: unknown[] = [];
  return {
    seen,
    bodies: {
      take: (...values: unknown[]) => {
        seen.push(values);
      },
      takeAsReceiver(this: unknown) {
        seen.push(this);
      },
      async *talk() {
        for (let n = 0; n < 4; n++) {
          try {
            seen.push(yield n);
          } catch (error) {
            seen.push(error);
          }
        }
      },
      listen: () => {
        const task = currentTask() as IncomingTask;
        for (const signal of [task.signal, task.get(0)])
          signal.addEventListener("abort", () => seen.push(signal.reason));
        return new Promise(() => {});
      },
    },
  };
}

for (const [carrier, local, tainted] of [
  ["over a network", false, false],
  ["over a network, and says so,", false, true],
  ["over a local carrier, and says that it came over a network,", true, true],
] as const) {
  test(`a routine that comes ${carrier} is its identity only`, async (t) => {
    const { bodies, seen } = recorder();
    await using pair = await connect(bodies, { local });
    const { client } = pair;
    const job = named("job", tainted);
    const assertTainted = (count: number): void => {
      const references = routinesIn(seen);
      assert.ok(references.length > 0);
      assert.equal(seen.length, count);
      for (const { id, module, tainted } of references)
        assert.deepEqual([id, module, tainted], ["app/jobs.js#job", undefined, true]);
      seen.length = 0;
    };

    for (const [where, hide] of Object.entries(HIDDEN)) {
      await t.test(`among the arguments, ${where}`, async () => {
        await client.call("take", [hide(job)]).value();

        assertTainted(1);
      });
    }

    await t.test("in the receiver", async () => {
      await client.call("takeAsReceiver", [new Holder(job)], { hasReceiver: true }).value();

      assertTainted(1);
    });

    await t.test("in what is sent to a generator", async () => {
      const call = client.call("talk", [], { generator: true });
      await call.yielded(1);
      client.session.send(call.stream, payloadOf({ job }));
      await call.yielded(2);
      client.session.throw(call.stream, payloadOf(failure(job)));
      await call.yielded(3);
      client.session.return(call.stream, payloadOf({ job }));
      const value = await call.value();

      assertTainted(2);
      assert.deepEqual(
        routinesIn(value).map(({ tainted }) => tainted),
        [true],
      );
    });

    await t.test("in the reasons of signals", async () => {
      const call = client.call("listen");
      await eventually(() => pair.worker.tasks.active.size === 1);
      client.session.signal(call.stream, 0, payloadOf(failure(job)));
      client.session.cancel(call.stream, payloadOf(failure(job)));
      await eventually(() => seen.length === 2);

      assertTainted(2);
    });
  });
}

test("a routine that comes over a local carrier from this host is what its sender says", async () => {
  const { bodies, seen } = recorder();
  await using pair = await connect(bodies);

  await pair.client.call("take", [named("clean")]).value();

  assert.deepEqual(
    routinesIn(seen).map(({ module, tainted }) => [module, tainted]),
    [[MODULE, false]],
  );
});

test("a task whose routine is marked as tainted causes no import, and finds nothing that another has found", async () => {
  const { bodies } = recorder();
  for (const local of [true, false]) {
    await using pair = await connect(bodies, { local });
    const { client, worker } = pair;

    await client.call("take").value();
    await client.call("take", [], { tainted: true }).value();
    await client.call("take").value();

    const [clean, marked, again] = worker.requests;
    assert.deepEqual([clean?.mayImport, clean?.tainted], [local, undefined]);
    assert.deepEqual([marked?.mayImport, marked?.tainted, marked?.location], [false, true, ""]);
    assert.equal(again, clean);
    assert.notEqual(marked, clean);
  }
});

test("a definition of a routine that says that it is tainted is taken as a marked task is", async () => {
  const { bodies } = recorder();
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  const define = { kind: 1, index: 1, value: Buffer.from("take"), location: MODULE, tainted: true };
  client.inject(
    batchOf((writer) => {
      writer.define(define);
      writer.task(1, headOf({ routineRef: 1, flags: TaskFlag.NextImplied }), payloadOf([]));
    }),
  );
  await eventually(() => worker.requests.length === 1);

  const { mayImport, tainted, location } = worker.requests[0] ?? {};
  assert.deepEqual([mayImport, tainted, location], [false, true, ""]);
  client.close();
});

test("a descriptor is believed only if it has come over local carriers alone", async () => {
  const believed: boolean[] = [];
  const nestedDispatcher: TestWorkerOptions["nestedDispatcher"] = (_descriptor, { local }) => {
    believed.push(local);
    return undefined;
  };
  const ask = { ask: () => void (currentTask() as IncomingTask).dispatcher };
  for (const local of [true, false]) {
    await using pair = await connect(ask, { local, nestedDispatcher });
    for (const tainted of [false, true]) {
      const proxy = { value: Buffer.from("{}"), location: "", tainted };
      await pair.client.call("ask", [], { proxy }).value();
    }
  }

  assert.deepEqual(believed, [true, false, false, false]);
});

test("a tainted routine in a result fails the call for a caller that does not know what that is, and says where", async () => {
  const old = helloWith({ features: FEATURES.filter((feature) => feature !== Feature.Taint) });
  const bodies = {
    give: () => ({ jobs: [named("job", true)] }),
    async *yields() {
      yield { jobs: [named("job", true)] };
    },
    fail: () => {
      throw failure(named("job", true));
    },
    giveClean: () => named("clean"),
  };
  await using pair = await connect(bodies, { clientHello: old });
  const { client } = pair;

  for (const call of [client.call("give"), client.call("yields", [], { generator: true })]) {
    const outcome = await call.outcome;
    const { code, path, message, fault } = (outcome.kind === "exception" ? outcome.error : {}) as {
      [key: string]: string;
    };
    assert.deepEqual([code, path, fault], ["ERR_MERINO_NOT_SERIALIZABLE", "result.jobs[0]", "routine"]);
    assert.match(message ?? "", /come over a network.*update it/);
  }
  const failed = await client.call("fail").outcome;
  const { job } = (failed.kind === "exception" ? failed.error : {}) as { job: unknown };
  assert.match(String(job), /^\[not sent: .*come over a network/);
  assert.equal(routinesIn([await client.call("giveClean").value()])[0]?.tainted, false);
});

test("ClientSession sends nothing tainted to a worker that does not know what that is, and says where", async () => {
  const { bodies, seen } = recorder();
  const old = helloWith({ features: FEATURES.filter((feature) => feature !== Feature.Taint) });
  await using pair = await connect(bodies, { hello: old });
  const { client } = pair;
  const job = named("job", true);
  const refused = { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "value[0].job" };
  const talk = client.call("talk", [], { generator: true });
  await talk.yielded(1);

  assert.throws(() => client.call("take", [{ job }]), refused);
  assert.throws(() => client.session.send(talk.stream, payloadOf([{ job }])), refused);
  assert.throws(() => client.session.throw(talk.stream, payloadOf([{ job }])), refused);
  assert.throws(() => client.session.return(talk.stream, payloadOf([{ job }])), refused);
  assert.throws(() => client.call("take", [], { tainted: true }), {
    code: "ERR_MERINO_REFUSED",
    refusal: "NOT_EXPOSED",
  });
  const listening = client.call("listen");
  await eventually(() => pair.worker.tasks.active.size === 2);
  client.session.signal(listening.stream, 0, payloadOf(failure(job)));
  client.session.cancel(listening.stream, payloadOf(failure(job)));
  await eventually(() => seen.length === 2);

  assert.deepEqual(routinesIn(seen), []);
});

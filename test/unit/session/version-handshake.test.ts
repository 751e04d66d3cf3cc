/** Who may talk to whom: versions of one major, older, equal or newer; in Hellos, in Tasks, and in both directions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import type { Nack } from "../../../src/wire/frames.ts";
import { BatchSchema, type TaskSchema } from "../../../src/wire/gen/wire_pb.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import { WIRE_CODEC } from "../../../src/wire/version.ts";
import { eventually } from "../../support/eventually.ts";
import { type MemoryCarrier, memoryPair } from "../../support/memory-pair.ts";
import {
  batchOf,
  connect,
  helloWith,
  payloadOf,
  TestClient,
  TestWorker,
} from "../../support/protocol-peers.ts";

const RUNS = { numRuns: 60 };

/** The numbers after the major, and a suffix as semver or PEP 440 write them. */
const rest = fc.tuple(
  fc.array(fc.nat(99), { maxLength: 3 }),
  fc.constantFrom("", "-rc.1", "rc2", ".dev3", "+build.5", "-beta"),
);

function versionOf(major: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom("", "v"), rest)
    .map(([prefix, [numbers, suffix]]) => `${prefix}${[major, ...numbers].join(".")}${suffix}`);
}

/** Two versions of one major, in any order of age. */
const sameMajor = fc.nat(50).chain((major) => fc.tuple(versionOf(major), versionOf(major)));
const otherMajor = fc
  .uniqueArray(fc.nat(50), { minLength: 2, maxLength: 2 })
  .chain(([a = 0, b = 1]) => fc.tuple(versionOf(a), versionOf(b)));
const unparsable = fc.constantFrom("", "unknown", "latest", "-1.0", "1!2.0", "x1.0", "1".repeat(200));

const add = (x: number, y: number): number => x + y;

/** Calls `add` between two peers of these versions: its value, or how each side saw the end. */
async function attempt(clientVersion: string, workerVersion: string) {
  const worker = new TestWorker({ add }, { hello: helloWith({ uid: "w1", version: workerVersion }) });
  const { client, server } = memoryPair();
  worker.tasks.serve(server);
  const caller = new TestClient(client, helloWith({ uid: "c1", version: clientVersion }));
  try {
    const winner = await Promise.race([caller.hello, caller.closed]);
    if (winner === undefined || winner instanceof Error) {
      await eventually(() => server.over && client.over);
      return { error: winner, starts: worker.starts, goAways: caller.goAways, value: undefined };
    }
    const value = await caller.call("add", [1, 2]).value();
    return { error: undefined, starts: worker.starts, goAways: caller.goAways, value };
  } finally {
    caller.session.connection.close();
    await eventually(() => server.over && client.over);
  }
}

test("ClientSession and ServerSession accept each other within a major, whichever is older", async () => {
  await fc.assert(
    fc.asyncProperty(sameMajor, async ([clientVersion, workerVersion]) => {
      const { value, starts } = await attempt(clientVersion, workerVersion);

      assert.equal(value, 3);
      assert.equal(starts, 1);
    }),
    RUNS,
  );
});

for (const [what, versions] of [
  ["another major", otherMajor],
  ["a client's version that does not parse", fc.tuple(unparsable, versionOf(0))],
  ["a worker's version that does not parse", fc.tuple(versionOf(0), unparsable)],
  ["two equal versions that do not parse", unparsable.map((text) => [text, text] as [string, string])],
] as const) {
  test(`ClientSession and ServerSession refuse each other on ${what}`, async () => {
    await fc.assert(
      fc.asyncProperty(versions, async ([clientVersion, workerVersion]) => {
        const { error, starts, value } = await attempt(clientVersion, workerVersion);

        assert.equal(value, undefined);
        assert.equal(starts, 0);
        assert.equal((error as { code?: string } | undefined)?.code, "ERR_MERINO_VERSION");
      }),
      RUNS,
    );
  });
}

test("ServerSession tells a client of another major so before it ends the connection", async () => {
  const worker = new TestWorker({ add }, { hello: helloWith({ version: "3.1.0" }) });
  const { client, server } = memoryPair();
  worker.tasks.serve(server);
  let last: { code: number; detail: string; lastStream: number } | undefined;
  client.events = {
    batch: (bytes, start, end) => {
      const reader = new BatchReader();
      reader.reset(bytes, start, end);
      while (reader.next()) if (reader.kind === FrameKind.GoAway) last = reader.goAway();
    },
    drain: () => {},
    closed: () => {},
  };

  client.inject(batchOf((writer) => writer.hello(helloWith({ version: "2.9.0" }))));
  await eventually(() => server.over);

  assert.equal(last?.code, NackCode.VERSION);
  assert.equal(last?.lastStream, 0);
  assert.ok(last?.detail.includes("2.9.0") && last.detail.includes("3.1.0"));
});

// The head of a Task.

/** Sends one Task by hand on a connection whose Hellos fit; resolves with the Nack, or `undefined` for a value. */
async function submit(
  fields: MessageInitShape<typeof TaskSchema>,
  workerVersion: string,
  clientVersion: string,
): Promise<{ nack: Nack | undefined; starts: number }> {
  const worker = new TestWorker({ add }, { hello: helloWith({ uid: "w1", version: workerVersion }) });
  const { client, server } = memoryPair();
  worker.tasks.serve(server);
  let answer: { nack: Nack | undefined } | undefined;
  client.events = {
    batch: (bytes, start, end) => {
      const reader = new BatchReader();
      reader.reset(bytes, start, end);
      while (reader.next()) {
        if (reader.kind === FrameKind.Nack) answer = { nack: reader.nack() };
        if (reader.kind === FrameKind.Done) answer = { nack: undefined };
      }
    },
    drain: () => {},
    closed: () => {},
  };
  client.inject(batchOf((writer) => writer.hello(helloWith({ version: clientVersion }))));
  client.inject(taskBatch(fields));
  const { nack } = await eventually(() => answer);
  client.close();
  await eventually(() => server.over);
  return { nack, starts: worker.starts };
}

function taskBatch(fields: MessageInitShape<typeof TaskSchema>): Uint8Array {
  const { bytes, start, end } = payloadOf([1, 2]);
  const value = {
    callable: new TextEncoder().encode("add"),
    args: Uint8Array.from(bytes.subarray(start, end)),
    flags: TaskFlag.NextImplied,
    ...fields,
  };
  const frame = {
    stream: 1,
    body: { case: "request" as const, value: { payload: { case: "task" as const, value } } },
  };
  return toBinary(BatchSchema, create(BatchSchema, { frames: [frame] }));
}

test("TaskServer takes a Task that names a version of its major, whichever is older", async () => {
  await fc.assert(
    fc.asyncProperty(sameMajor, async ([taskVersion, workerVersion]) => {
      const { nack, starts } = await submit({ version: taskVersion }, workerVersion, workerVersion);

      assert.equal(nack, undefined);
      assert.equal(starts, 1);
    }),
    RUNS,
  );
});

test("TaskServer refuses a Task of another major, or of none, with both versions in the reason", async () => {
  const versions = fc.oneof(
    otherMajor,
    fc.tuple(
      unparsable.filter((text) => text !== ""),
      versionOf(4),
    ),
  );
  await fc.assert(
    fc.asyncProperty(versions, async ([taskVersion, workerVersion]) => {
      const { nack, starts } = await submit({ version: taskVersion }, workerVersion, workerVersion);

      assert.equal(nack?.code, NackCode.VERSION);
      assert.equal(nack?.version, workerVersion);
      assert.ok(nack?.reason.includes(`'${taskVersion.slice(0, 64)}`), nack?.reason);
      assert.ok(nack?.reason.includes(`'${workerVersion}'`), nack?.reason);
      assert.equal(starts, 0);
    }),
    RUNS,
  );
});

test("TaskServer takes a Task without a version for one of its client's Hello", async () => {
  const { nack } = await submit({}, "0.3.0", "0.1.0");

  assert.equal(nack, undefined);
});

for (const [codec, refused] of [
  [WIRE_CODEC, undefined],
  ["pickle", NackCode.CODEC],
  ["merino-2", NackCode.CODEC],
] as const) {
  test(`TaskServer ${refused === undefined ? "takes" : "refuses"} a Task whose payloads are in '${codec}'`, async () => {
    const { nack, starts } = await submit({ codec }, "0.3.0", "0.3.0");

    assert.equal(nack?.code, refused);
    assert.equal(starts, refused === undefined ? 1 : 0);
  });
}

test("TaskServer states its version in every refusal", async () => {
  const hello = helloWith({ uid: "w1", version: "0.6.0" });
  await using pair = await connect({ add }, { hello, maxRootTasks: 0 });
  const { client, worker } = pair;

  const full = await client.call("add", [1, 2]).outcome;
  worker.tasks.drain();
  const draining = await client.call("add", [1, 2]).outcome;
  const unknown = await client.call("nowhere", [], { nested: true }).outcome;

  assert.deepEqual(
    [full, draining, unknown].map(
      (outcome) => outcome.kind === "refused" && [outcome.nack.code, outcome.nack.version],
    ),
    [
      [NackCode.FULL, "0.6.0"],
      [NackCode.DRAINING, "0.6.0"],
      [NackCode.UNKNOWN_ROUTINE, "0.6.0"],
    ],
  );
});

// What an Ack says.

test("ClientSession hands the worker's version and uid to a task that is accepted", async () => {
  const hello = helloWith({ uid: "w1", version: "0.8.1" });
  await using pair = await connect({ add }, { hello });

  const call = pair.client.call("add", [1, 2], { awaitsAck: true });
  await eventually(() => call.acks === 1);
  pair.client.session.next(call.stream);
  await call.value();

  assert.deepEqual(call.workers, [{ version: "0.8.1", uid: "w1" }]);
});

test("ClientSession takes an Ack that does not say who the worker is for one of its Hello", async () => {
  const { call, close } = await ackedBy((server) =>
    server.inject(batchOf((writer) => writer.ack(1, "", ""))),
  );

  assert.deepEqual(call.workers, [{ version: "0.8.1", uid: "w1" }]);
  close();
});

test("ClientSession ends a stream whose Ack is malformed", async () => {
  const { call, close } = await ackedBy((server) =>
    server.inject(Buffer.from("0a08 0801 1a04 0a02 0aff".replaceAll(" ", ""), "hex")),
  );

  const outcome = await call.outcome;

  assert.equal(outcome.kind, "failed");
  close();
});

/** A call whose worker is played by the test, once the worker has answered. */
async function ackedBy(answer: (server: MemoryCarrier) => void) {
  const { client, server } = memoryPair();
  server.events = { batch: () => {}, drain: () => {}, closed: () => {} };
  const caller = new TestClient(client);
  server.inject(batchOf((writer) => writer.hello(helloWith({ uid: "w1", version: "0.8.1" }))));
  await caller.hello;
  const call = caller.call("add", [1, 2], { awaitsAck: true });
  answer(server);
  await eventually(() => call.acks > 0 || call.outcomes.length > 0);
  return { call, close: () => caller.session.connection.close() };
}

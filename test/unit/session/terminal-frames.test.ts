/** Every stream ends in exactly one terminal frame, whatever becomes of its task. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf, type MemoryCarrier } from "../../support/memory-pair.ts";
import { type Connected, connect, payloadOf, type RecordedCall } from "../../support/protocol-peers.ts";

const TERMINAL: ReadonlySet<number> = new Set([
  FrameKind.Nack,
  FrameKind.Exception,
  FrameKind.Done,
  FrameKind.Reset,
]);
const REASON = payloadOf(new Error("no longer wanted"));

/** Terminal frames that the worker has sent, by stream. */
function terminals(server: MemoryCarrier): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { kind, stream } of framesOf(server.sent)) {
    if (TERMINAL.has(kind)) counts.set(stream, (counts.get(stream) ?? 0) + 1);
  }
  return counts;
}

async function* counting(log: string[]): AsyncGenerator<number, string, string | undefined> {
  try {
    for (let n = 1; n <= 3; n++) {
      try {
        const sent = yield n;
        if (sent !== undefined) log.push(sent);
      } catch (error) {
        log.push(`caught ${String(error)}`);
      }
    }
    return "exhausted";
  } finally {
    await nextTurn();
    log.push("finally");
  }
}

const log: string[] = [];
const gates: Array<() => void> = [];

const bodies = {
  add: (a: number, b: number): number => a + b,
  addLater: async (a: number, b: number): Promise<number> => {
    await nextTurn();
    return a + b;
  },
  fail: (): never => {
    throw new TypeError("broken");
  },
  failLater: async (): Promise<never> => {
    await nextTurn();
    throw new TypeError("broken later");
  },
  unsendable: (): unknown => ({ callback: () => {} }),
  hostileThenable: (): unknown => ({
    // biome-ignore lint/suspicious/noThenProperty: what a body may return
    get then(): never {
      throw new Error("looked at");
    },
  }),
  throwingThenable: (): unknown => ({
    // biome-ignore lint/suspicious/noThenProperty: what a body may return
    then(): never {
      throw new Error("called");
    },
  }),
  wait: (): Promise<void> => new Promise((resolve) => gates.push(resolve)),
  async *count(): AsyncGenerator<number, string, string | undefined> {
    return yield* counting(log);
  },
  async *plain(): AsyncGenerator<number, string> {
    yield 1;
    yield 2;
    return "end";
  },
  *sync(): Generator<unknown, string> {
    yield Promise.resolve(1);
    yield 2;
    return "end";
  },
  async *failing(): AsyncGenerator<number> {
    yield 1;
    throw new RangeError("in the midst");
  },
  async *unsendableValues(): AsyncGenerator<unknown> {
    try {
      yield () => {};
    } finally {
      log.push("closed");
    }
  },
  async *stubborn(): AsyncGenerator<number> {
    for (;;) {
      try {
        yield 1;
      } finally {
      }
    }
  },
};

interface Scenario {
  readonly title: string;
  readonly run: (pair: Connected) => Promise<RecordedCall> | RecordedCall;
  readonly ends: string;
}

const stream = async (pair: Connected, id: string): Promise<RecordedCall> => {
  const call = pair.client.call(id, [], { generator: true });
  await call.yielded(1);
  return call;
};

const scenarios: readonly Scenario[] = [
  { title: "a call that returns", run: ({ client }) => client.call("add", [1, 2]), ends: "done" },
  { title: "a call that returns later", run: ({ client }) => client.call("addLater", [1, 2]), ends: "done" },
  { title: "a call that throws", run: ({ client }) => client.call("fail"), ends: "exception" },
  { title: "a call that rejects", run: ({ client }) => client.call("failLater"), ends: "exception" },
  {
    title: "a result that cannot be sent",
    run: ({ client }) => client.call("unsendable"),
    ends: "exception",
  },
  {
    title: "a result whose then throws when read",
    run: ({ client }) => client.call("hostileThenable"),
    ends: "exception",
  },
  {
    title: "a result whose then throws when called",
    run: ({ client }) => client.call("throwingThenable"),
    ends: "exception",
  },
  { title: "an unknown routine", run: ({ client }) => client.call("unknown"), ends: "refused" },
  {
    title: "a function called as a generator",
    run: ({ client }) => client.call("add", [], { generator: true }),
    ends: "refused",
  },
  {
    title: "a call cancelled before it was sent",
    run: ({ client }) => {
      const call = client.call("wait");
      client.session.cancel(call.stream, REASON);
      return call;
    },
    ends: "refused",
  },
  {
    title: "a call cancelled while it runs, and again",
    run: async ({ client }) => {
      const call = client.call("wait");
      await eventually(() => gates.length > 0);
      client.session.cancel(call.stream, REASON);
      client.session.cancel(call.stream, REASON);
      await nextTurn();
      await nextTurn();
      gates.shift()?.();
      return call;
    },
    ends: "done",
  },
  {
    title: "a call cancelled when it has just ended",
    run: async ({ client, carriers }) => {
      carriers.server.pause();
      const call = client.call("add", [1, 2]);
      await eventually(() => terminals(carriers.server).has(call.stream));
      client.session.cancel(call.stream, REASON);
      await nextTurn();
      carriers.server.resume();
      return call;
    },
    ends: "done",
  },
  {
    title: "a generator that is exhausted",
    run: async (pair) => {
      const call = await stream(pair, "plain");
      pair.client.session.next(call.stream);
      pair.client.session.next(call.stream);
      return call;
    },
    ends: "done",
  },
  {
    title: "a plain generator that yields promises",
    run: async (pair) => {
      const call = await stream(pair, "sync");
      assert.deepEqual(call.values, [1]);
      pair.client.session.next(call.stream);
      pair.client.session.next(call.stream);
      return call;
    },
    ends: "done",
  },
  {
    title: "a generator asked for more than it has",
    run: async (pair) => {
      const call = await stream(pair, "plain");
      for (let n = 0; n < 10; n++) pair.client.session.next(call.stream);
      return call;
    },
    ends: "done",
  },
  {
    title: "a generator that throws",
    run: async (pair) => {
      const call = await stream(pair, "failing");
      pair.client.session.next(call.stream);
      return call;
    },
    ends: "exception",
  },
  {
    title: "a generator that is returned",
    run: async (pair) => {
      const call = await stream(pair, "count");
      pair.client.session.return(call.stream, payloadOf("enough"));
      return call;
    },
    ends: "done",
  },
  {
    title: "a generator that catches what is thrown into it",
    run: async (pair) => {
      const call = await stream(pair, "count");
      pair.client.session.throw(call.stream, payloadOf(new Error("into it")));
      await call.yielded(2);
      pair.client.session.return(call.stream, payloadOf(undefined));
      return call;
    },
    ends: "done",
  },
  {
    title: "a generator that does not catch what is thrown into it",
    run: async (pair) => {
      const call = await stream(pair, "plain");
      pair.client.session.throw(call.stream, payloadOf(new Error("into it")));
      return call;
    },
    ends: "exception",
  },
  {
    title: "a yield that cannot be sent",
    run: ({ client }) => client.call("unsendableValues", [], { generator: true }),
    ends: "exception",
  },
  {
    title: "a generator cancelled at a yield",
    run: async (pair) => {
      const call = await stream(pair, "count");
      pair.client.session.cancel(call.stream, REASON);
      return call;
    },
    ends: "exception",
  },
  {
    title: "a cancelled generator that yields when it is closed",
    run: async (pair) => {
      const call = await stream(pair, "stubborn");
      pair.client.session.cancel(call.stream, REASON);
      return call;
    },
    ends: "exception",
  },
  {
    title: "a generator that is cancelled while it runs ahead",
    run: async ({ client }) => {
      const call = client.call("stubborn", [], { generator: true, credit: 1000 });
      await call.yielded(1);
      client.session.cancel(call.stream, REASON);
      return call;
    },
    ends: "exception",
  },
  {
    title: "a task that is accepted, then cancelled",
    run: async ({ client }) => {
      const call = client.call("wait", [], { awaitsAck: true });
      await eventually(() => call.acks === 1);
      client.session.cancel(call.stream, REASON);
      return call;
    },
    ends: "refused",
  },
  {
    title: "a task that is accepted, then started",
    run: async ({ client }) => {
      const call = client.call("add", [1, 2], { awaitsAck: true });
      await eventually(() => call.acks === 1);
      client.session.next(call.stream);
      client.session.next(call.stream);
      return call;
    },
    ends: "done",
  },
];

for (const { title, run, ends } of scenarios) {
  test(`ServerSession ends ${title} in one terminal frame`, async () => {
    log.length = 0;
    gates.length = 0;
    await using pair = await connect(bodies);
    const { client, carriers, worker } = pair;

    const call = await run(pair);
    const outcome = await call.outcome;
    // Whatever might still come would come before this answer.
    const sum = await client.call("add", [2, 2]).value();

    assert.equal(outcome.kind, ends);
    assert.equal(sum, 4);
    assert.equal(terminals(carriers.server).get(call.stream), 1);
    assert.equal(call.outcomes.length, 1);
    assert.equal(client.session.inFlight, 0);
    assert.equal(worker.tasks.inFlight, 0);
  });
}

test("Execution runs the finally blocks of a generator that is returned, thrown into, cancelled or lost", async () => {
  log.length = 0;
  await using pair = await connect(bodies);
  const { client, worker } = pair;

  const returned = await stream(pair, "count");
  client.session.return(returned.stream, payloadOf("enough"));
  assert.equal(await returned.value(), "enough");
  assert.deepEqual(log.splice(0), ["finally"]);
  const thrown = await stream(pair, "count");
  client.session.throw(thrown.stream, payloadOf("x"));
  await thrown.yielded(2);
  client.session.cancel(thrown.stream, REASON);
  await thrown.outcome;
  assert.deepEqual(log.splice(0), ["caught x", "finally"]);
  const lost = await stream(pair, "count");
  pair.carriers.client.cut();
  await eventually(() => log.length > 0);

  assert.deepEqual(log, ["finally"]);
  assert.equal((await lost.outcome).kind, "lost");
  await eventually(() => worker.tasks.inFlight === 0);
});

test("Execution takes a promise's value, also when the promise is of a foreign kind", async () => {
  const foreign = (): unknown => ({
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    then(resolve: (value: unknown) => void): void {
      resolve(Promise.resolve("inner"));
      resolve("again");
    },
  });
  await using pair = await connect({ foreign });

  assert.equal(await pair.client.call("foreign").value(), "inner");
});

test("Execution answers steps that were asked for while its routine was being found", async () => {
  let find = (): void => {};
  const found = new Promise<void>((resolve) => {
    find = resolve;
  });
  await using pair = await connect(bodies, { found });
  const { client, worker } = pair;

  const call = client.call("plain", [], { generator: true });
  client.session.next(call.stream);
  client.session.next(call.stream);
  await eventually(() => worker.tasks.inFlight === 1);
  find();

  assert.equal(await call.value(), "end");
  assert.deepEqual(call.values, [1, 2]);
  assert.equal(worker.starts, 1);
});

test("Execution never starts a task that is cancelled while its routine is being found", async () => {
  let find = (): void => {};
  const found = new Promise<void>((resolve) => {
    find = resolve;
  });
  await using pair = await connect(bodies, { found });
  const { client, worker } = pair;

  const call = client.call("add", [1, 2]);
  await eventually(() => worker.tasks.inFlight === 1);
  client.session.cancel(call.stream, REASON);
  const outcome = await call.outcome;
  find();
  const sum = await client.call("add", [3, 4]).value();

  assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.EXPIRED);
  assert.equal(sum, 7);
  assert.equal(worker.starts, 1);
});

test("Execution keeps a generator from running further ahead than its credit", async () => {
  let produced = 0;
  async function* numbers(): AsyncGenerator<number> {
    for (;;) {
      produced += 1;
      yield produced;
    }
  }
  await using pair = await connect({ numbers, add: bodies.add });
  const { client } = pair;

  const call = client.call("numbers", [], { generator: true, credit: 5 });
  await call.yielded(5);
  await client.call("add", [1, 2]).value();
  const first = produced;
  client.session.credit(call.stream, 2);
  await call.yielded(7);
  await client.call("add", [1, 2]).value();

  assert.equal(first, 5);
  assert.equal(produced, 7);
  client.session.cancel(call.stream, REASON);
  await call.outcome;
});

test("Execution is not delayed by an absurd amount of credit", async () => {
  await using pair = await connect(bodies);
  const { client } = pair;
  const call = client.call("wait");
  const before = process.cpuUsage();

  for (let n = 0; n < 100; n++) client.session.credit(call.stream, 0xffff_ffff);
  const sum = await client.call("add", [1, 2]).value();

  assert.equal(sum, 3);
  assert.ok(process.cpuUsage(before).user < 5_000_000);
});

test("Execution answers a return with its value when the generator runs ahead", async () => {
  async function* numbers(): AsyncGenerator<number> {
    for (let n = 1; ; n++) {
      await nextTurn();
      yield n;
    }
  }
  await using pair = await connect({ numbers });
  const { client } = pair;
  const call = client.call("numbers", [], { generator: true, credit: 1000 });
  await call.yielded(2);

  client.session.return(call.stream, payloadOf("enough"));

  assert.equal(await call.value(), "enough");
});

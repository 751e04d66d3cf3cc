/** The backpressure hook: what it is asked, how exact its count is, and what its mistakes come to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LOCAL_PEER } from "../../../src/credentials/peers/peer.ts";
import { createDeferred, type Deferred } from "../../../src/internal/deferred.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import type { AcceptHook, AcceptTask } from "../../../src/worker/accept-hook.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryPair } from "../../support/memory-pair.ts";
import { connect, type RecordedCall, TestClient } from "../../support/protocol-peers.ts";
import { useWarnings } from "../../support/use-warnings.ts";

/** A routine whose bodies wait until the test ends them, and how many there are. */
function bodies(): {
  readonly routines: Record<string, (...parameters: never[]) => unknown>;
  readonly running: Deferred<void>[];
  most: number;
  end(count?: number): void;
} {
  const world = {
    running: [] as Deferred<void>[],
    most: 0,
    end(count = Number.POSITIVE_INFINITY) {
      for (const body of world.running.slice(0, count)) body.resolve();
    },
    routines: {
      wait: async () => {
        const body = createDeferred<void>();
        world.running.push(body);
        world.most = Math.max(world.most, world.running.length);
        await body.promise;
        world.running.splice(world.running.indexOf(body), 1);
      },
      add: (a: number, b: number) => a + b,
      count: async function* count() {
        yield 1;
        yield 2;
      },
    },
  };
  return world;
}

async function codeOf(call: RecordedCall): Promise<number | string> {
  const outcome = await call.outcome;
  return outcome.kind === "refused" ? outcome.nack.code : outcome.kind;
}

const atMostTwo: AcceptHook = ({ inFlight }) => inFlight < 2;

test("AcceptHook that takes two never has more bodies running, and never refuses a second one", async () => {
  const world = bodies();
  await using pair = await connect(world.routines, { accept: atMostTwo });

  const burst = Array.from({ length: 6 }, () => pair.client.call("wait"));
  const refused = await Promise.all(burst.slice(2).map(codeOf));
  await eventually(() => world.running.length === 2);
  world.end(1);
  await codeOf(burst[0] as RecordedCall);
  const [third, fourth] = [pair.client.call("wait"), pair.client.call("wait")];
  const full = await codeOf(fourth);
  await eventually(() => world.running.length === 2);
  world.end();
  const served = await Promise.all([burst[1] as RecordedCall, third].map(codeOf));

  assert.deepEqual(refused, [NackCode.FULL, NackCode.FULL, NackCode.FULL, NackCode.FULL]);
  assert.equal(full, NackCode.FULL);
  assert.deepEqual(served, ["done", "done"]);
  assert.equal(world.most, 2);
});

test("AcceptHook counts exactly, in whatever order calls come and bodies end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), async (steps) => {
      const world = bodies();
      await using pair = await connect(world.routines, { accept: atMostTwo });
      const asked: RecordedCall[] = [];
      let open = 0;
      for (const call of steps) {
        if (call) {
          asked.push(pair.client.call("wait"));
          const room = open < 2;
          if (room) open += 1;
          const before = asked.filter(({ outcomes }) => outcomes.length > 0).length;
          if (room) await eventually(() => world.running.length === open);
          else
            await eventually(() => asked.filter(({ outcomes }) => outcomes.length > 0).length === before + 1);
        } else if (open > 0) {
          const over = asked.filter(({ outcomes }) => outcomes.length > 0).length;
          world.end(1);
          await eventually(() => asked.filter(({ outcomes }) => outcomes.length > 0).length === over + 1);
          open -= 1;
        }
      }

      assert.ok(world.most <= 2);
      assert.equal(world.running.length, open);
      world.end();
    }),
    { numRuns: 20 },
  );
});

test("AcceptHook counts over all connections, and bodies whose callers have gone", async () => {
  const world = bodies();
  await using pair = await connect(world.routines, { accept: atMostTwo });
  const second = memoryPair();
  pair.worker.tasks.serve(second.server);
  const other = new TestClient(second.client);
  await other.hello;
  other.call("wait");
  pair.client.call("wait");
  await eventually(() => world.running.length === 2);

  other.session.connection.close();
  await eventually(() => second.server.over);
  const whileItRuns = await codeOf(pair.client.call("wait"));
  world.end();
  await eventually(() => world.running.length === 0);
  const afterwards = await codeOf(pair.client.call("add", [1, 2]));

  assert.equal(whileItRuns, NackCode.FULL);
  assert.equal(afterwards, "done");
  assert.equal(world.most, 2);
});

test("AcceptHook counts a suspended generator until it has been closed, also by its caller's end", async () => {
  const world = bodies();
  await using pair = await connect(world.routines, { accept: ({ inFlight }) => inFlight < 1 });
  const second = memoryPair();
  pair.worker.tasks.serve(second.server);
  const other = new TestClient(second.client);
  await other.hello;
  const stream = other.call("count", [], { generator: true });
  await stream.yielded(1);

  const whileOpen = await codeOf(pair.client.call("add", [1, 2]));
  other.session.connection.close();
  await eventually(async () => (await codeOf(pair.client.call("add", [1, 2]))) === "done");

  assert.equal(whileOpen, NackCode.FULL);
});

test("AcceptHook is asked before the routine is found and the arguments are decoded, with what the head says", async () => {
  const asked: { readonly inFlight: number; readonly task: AcceptTask }[] = [];
  const world = bodies();
  const found = createDeferred<void>();
  await using pair = await connect(world.routines, {
    found: found.promise,
    accept: ({ inFlight, task: { id, routine, tag, caller, nested, peer } }) => {
      asked.push({ inFlight, task: { id, routine, tag, caller, nested, peer } });
      return routine !== "wait";
    },
  });

  const refused = pair.client.callWith("wait", Buffer.from("no payload of ours"));
  const taken = pair.client.call("add", [1, 2], { tag: "blue", nested: true });
  const code = await codeOf(refused);
  found.resolve();
  const value = await taken.value();

  assert.equal(code, NackCode.FULL);
  assert.equal(value, 3);
  assert.deepEqual(
    asked.map(({ inFlight, task }) => ({ inFlight, ...task, id: typeof task.id })),
    [
      {
        inFlight: 0,
        routine: "wait",
        tag: undefined,
        caller: undefined,
        nested: false,
        peer: LOCAL_PEER,
        id: "string",
      },
      {
        inFlight: 0,
        routine: "add",
        tag: "blue",
        caller: undefined,
        nested: true,
        peer: LOCAL_PEER,
        id: "string",
      },
    ],
  );
  assert.notEqual(asked[0]?.task.id, asked[1]?.task.id);
});

test("AcceptHook is not asked about tasks that are refused anyway", async () => {
  let asked = 0;
  const world = bodies();
  await using pair = await connect(world.routines, {
    maxRootTasks: 1,
    accept: () => {
      asked += 1;
      return true;
    },
  });
  pair.client.call("wait");
  await eventually(() => world.running.length === 1);

  const full = await codeOf(pair.client.call("wait"));
  const mismatch = await codeOf(pair.client.call("add", [], { generator: true, nested: true }));
  pair.worker.tasks.drain();
  const draining = await codeOf(pair.client.call("add", [1, 2]));
  world.end();

  assert.deepEqual([full, mismatch, draining], [NackCode.FULL, NackCode.BAD_PAYLOAD, NackCode.DRAINING]);
  assert.equal(asked, 1);
});

const faulty: Readonly<Record<string, (...state: never[]) => unknown>> = {
  throws: () => {
    throw new Error("the hook's own secret");
  },
  "returns a promise": async () => true,
  "returns a promise that rejects": async () => {
    throw new Error("late");
  },
  "returns nothing": () => {},
  "returns a number": () => 1,
  "returns what cannot be looked at": () =>
    new Proxy(
      {},
      {
        get() {
          throw new Error("no look");
        },
      },
    ),
};

for (const [what, hook] of Object.entries(faulty)) {
  test(`AcceptHook that ${what} refuses without a meaning, so that the call goes on, and warns once`, async () => {
    using warnings = useWarnings();
    const world = bodies();
    await using pair = await connect(world.routines, { accept: hook as AcceptHook });

    const refused = [pair.client.call("add", [1, 2]), pair.client.call("add", [1, 2])];
    const outcomes = await Promise.all(refused.map((call) => call.outcome));
    await eventually(() => warnings.codes.length > 0);

    for (const outcome of outcomes) {
      assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.UNSPECIFIED);
      assert.doesNotMatch(outcome.kind === "refused" ? outcome.nack.reason : "", /secret/);
    }
    assert.deepEqual(warnings.codes, ["MERINO_ACCEPT_HOOK"]);
    assert.equal(pair.worker.starts, 0);
  });
}

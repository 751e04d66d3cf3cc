/** What a worker takes on, in which order it lets go, and what it never starts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask } from "../../../src/context/scope.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryPair } from "../../support/memory-pair.ts";
import {
  connect,
  helloWith,
  payloadOf,
  type RecordedCall,
  TestClient,
} from "../../support/protocol-peers.ts";

/** Routines that end when the test says so. */
function gated(): {
  readonly bodies: Record<string, () => unknown>;
  readonly open: () => void;
  readonly signals: AbortSignal[];
} {
  const gates: Array<() => void> = [];
  const signals: AbortSignal[] = [];
  return {
    signals,
    open: () => {
      for (const gate of gates.splice(0)) gate();
    },
    bodies: {
      add: () => 3,
      wait: () => {
        const task = currentTask();
        if (task !== undefined) signals.push(task.signal);
        return new Promise<string>((resolve) => {
          gates.push(() => resolve("released"));
        });
      },
    },
  };
}

async function codeOf(call: RecordedCall): Promise<number | string> {
  const outcome = await call.outcome;
  return outcome.kind === "refused" ? outcome.nack.code : outcome.kind;
}

test("TaskServer announces that it drains, refuses root tasks, and takes nested ones", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies);
  const { client, worker } = pair;
  const running = client.call("wait");
  await eventually(() => worker.starts === 1);

  worker.tasks.drain();
  worker.tasks.drain();
  await eventually(() => client.goAways.length > 0);
  const root = await codeOf(client.call("add"));
  const nested = await codeOf(client.call("add", [], { nested: true }));
  let idle = false;
  const idled = worker.tasks.idle().then(() => {
    idle = true;
  });
  await eventually(() => worker.tasks.inFlight === 1);
  const idleBefore = idle;
  open();
  await idled;

  assert.deepEqual(
    client.goAways.map(({ code }) => code),
    [NackCode.DRAINING],
  );
  assert.equal(root, NackCode.DRAINING);
  assert.equal(nested, "done");
  assert.equal(idleBefore, false);
  assert.equal(await running.value(), "released");
});

test("TaskServer has caught up once what crossed its announcement has been answered", async () => {
  const { bodies } = gated();
  await using pair = await connect(bodies);
  const { client, worker, carriers } = pair;
  carriers.client.pause();
  const crossing = client.call("add");
  worker.tasks.drain();
  let caughtUp = false;
  const catchingUp = worker.tasks.caughtUp().then(() => {
    caughtUp = true;
  });
  await eventually(() => client.goAways.length > 0);
  const before = caughtUp;

  carriers.client.resume();
  await catchingUp;

  assert.equal(before, false);
  assert.equal(crossing.outcomes.length, 0); // its refusal is on its way
  assert.equal(await codeOf(crossing), NackCode.DRAINING);
});

test("TaskServer has caught up with a client that goes without an answer", async () => {
  await using pair = await connect(gated().bodies);
  pair.carriers.client.pause();

  const catchingUp = pair.worker.tasks.caughtUp();
  pair.carriers.client.cut();

  await catchingUp;
  assert.equal(await pair.worker.tasks.caughtUp(), undefined);
});

test("TaskServer spares a client that says who it is only after draining has begun, and tells the others", async () => {
  await using pair = await connect(gated().bodies);
  const [spared, stranger] = [memoryPair(), memoryPair()];
  pair.worker.tasks.serve(spared.server);
  pair.worker.tasks.serve(stranger.server);

  pair.worker.tasks.drain({ client: "owner", session: 7 });
  const owner = new TestClient(spared.client, helloWith({ uid: "owner", session: 7 }));
  const other = new TestClient(stranger.client, helloWith({ uid: "other", session: 7 }));
  await eventually(() => other.goAways.length > 0);
  const outcomes = await Promise.all([owner, other].map((client) => codeOf(client.call("add"))));

  assert.deepEqual(outcomes, ["done", NackCode.DRAINING]);
  assert.deepEqual(owner.goAways, []);
  for (const client of [owner, other]) client.session.connection.close();
});

test("TaskServer refuses root tasks beyond its ceiling with FULL, nested ones never, and has room again", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies, { maxRootTasks: 3 });
  const { client } = pair;

  const calls = Array.from({ length: 5 }, () => client.call("wait"));
  const nested = client.call("add", [], { nested: true });
  const refused = await Promise.all(calls.slice(3).map(codeOf));
  const nestedOutcome = await codeOf(nested);
  open();
  const served = await Promise.all(calls.slice(0, 3).map(codeOf));
  const later = await codeOf(client.call("add"));

  assert.deepEqual(refused, [NackCode.FULL, NackCode.FULL]);
  assert.equal(nestedOutcome, "done");
  assert.deepEqual(served, ["done", "done", "done"]);
  assert.equal(later, "done");
});

test("TaskServer counts its ceiling over all connections", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies, { maxRootTasks: 1 });
  const second = memoryPair();
  pair.worker.tasks.serve(second.server);
  const other = new TestClient(second.client);
  await other.hello;

  const first = pair.client.call("wait");
  await eventually(() => pair.worker.starts === 1);
  const refused = await codeOf(other.call("add"));
  open();
  await first.outcome;
  const taken = await codeOf(other.call("add"));

  assert.equal(refused, NackCode.FULL);
  assert.equal(taken, "done");
  other.session.connection.close();
});

test("TaskServer counts bodies that go on after their streams were reset, or their connections closed, until they end", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies, { maxRootTasks: 2 });
  const { client, worker } = pair;

  for (let round = 0; round < 5; round++) {
    const first = client.call("wait");
    await eventually(() => worker.starts === Math.min(2 * round + 1, 2));
    client.session.broken(first.stream, "a test resets it");
    const second = memoryPair();
    worker.tasks.serve(second.server);
    const other = new TestClient(second.client);
    await other.hello;
    const call = other.call("wait");
    await eventually(() => worker.starts === 2);
    other.session.connection.close();
    await call.outcome;
  }
  const refused = await codeOf(client.call("add"));
  const during = worker.starts;
  open();
  await eventually(() => worker.tasks.active.bodies === 0);
  const taken = await codeOf(client.call("add"));

  assert.deepEqual([refused, during], [NackCode.FULL, 2]);
  assert.equal(taken, "done");
});

test("TaskServer counts bodies without streams also where a network caller says that its calls are nested", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies, { maxRootTasks: 2, local: false });
  const { client, worker } = pair;

  for (let round = 0; round < 10; round++) {
    const call = client.call("wait", [], { nested: true });
    await eventually(() => worker.starts === Math.min(round + 1, 3));
    client.session.broken(call.stream, "a test resets it");
  }
  const refused = await codeOf(client.call("add", [], { nested: true }));
  const during = worker.starts;
  open();
  await eventually(() => worker.tasks.active.bodies === 0);

  assert.deepEqual([refused, during], [NackCode.FULL, 3]);
});

test("TaskServer leaves room for others when one caller on the network has most of the bodies", async () => {
  const { bodies, open } = gated();
  await using pair = await connect(bodies, { maxRootTasks: 8, local: false });
  const second = memoryPair({ local: false, name: "other" });
  pair.worker.tasks.serve(second.server);
  const other = new TestClient(second.client);
  await other.hello;

  const calls = Array.from({ length: 10 }, () => pair.client.call("wait"));
  await eventually(() => pair.worker.starts === 6);
  const served = await codeOf(other.call("add"));
  const refused = await Promise.all(calls.slice(6).map(codeOf));
  open();

  assert.equal(served, "done");
  assert.deepEqual(
    refused,
    Array.from({ length: 4 }, () => NackCode.FULL),
  );
  other.session.connection.close();
});

test("TaskServer counts a suspended generator again while it runs its finally blocks for nobody", async () => {
  let finish = (): void => {};
  async function* numbers(): AsyncGenerator<number> {
    try {
      yield 1;
    } finally {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    }
  }
  await using pair = await connect({ numbers, add: () => 3 }, { maxRootTasks: 1 });
  const { client, worker } = pair;
  const stream = client.call("numbers", [], { generator: true });
  await stream.yielded(1);

  client.session.broken(stream.stream, "a test resets it");
  const refused = await codeOf(client.call("add"));
  finish();
  await eventually(() => worker.tasks.active.bodies === 0);
  const taken = await codeOf(client.call("add"));

  assert.deepEqual([refused, taken], [NackCode.FULL, "done"]);
});

test("TaskServer never starts a task whose budget ran out while it waited", async () => {
  const busy = (): void => {
    const untilMs = performance.now() + 20;
    while (performance.now() < untilMs);
  };
  await using pair = await connect({ busy, add: () => 3 });
  const { client, worker } = pair;

  const first = client.call("busy");
  const late = client.call("add", [], { budgetUs: 1_000 });
  const outcomes = [await codeOf(first), await codeOf(late)];

  assert.deepEqual(outcomes, ["done", NackCode.EXPIRED]);
  assert.equal(worker.starts, 1);
});

test("TaskServer fires the signal of a body whose budget runs out", async () => {
  const { bodies, open, signals } = gated();
  await using pair = await connect(bodies);
  const { client } = pair;

  const call = client.call("wait", [], { budgetUs: 10_000 });
  await eventually(() => signals[0]?.aborted === true);
  open();

  assert.equal(signals[0]?.reason.name, "TimeoutError");
  assert.equal(await call.value(), "released");
});

test("TaskServer does not take a very long budget for a very short one", async () => {
  const { bodies, open, signals } = gated();
  await using pair = await connect(bodies);
  const { client } = pair;
  const tenYearsUs = 10 * 365 * 86_400 * 1_000_000;

  const call = client.call("wait", [], { budgetUs: tenYearsUs });
  const short = client.call("wait", [], { budgetUs: 20_000 });
  await eventually(() => signals[1]?.aborted === true);
  const aborted = signals[0]?.aborted;
  open();
  await Promise.all([call.outcome, short.outcome]);

  assert.equal(aborted, false);
});

test("TaskServer never starts tasks that are cancelled in the batch that brings them", async () => {
  const { bodies } = gated();
  await using pair = await connect(bodies);
  const { client, worker } = pair;
  const reason = payloadOf(new Error("no longer wanted"));

  const calls = Array.from({ length: 50 }, () => client.call("add"));
  for (const call of calls.slice(0, 49)) client.session.cancel(call.stream, reason);
  const outcomes = await Promise.all(calls.map(codeOf));

  assert.deepEqual(outcomes, [...Array.from({ length: 49 }, () => NackCode.EXPIRED), "done"]);
  assert.equal(worker.starts, 1);
});

test("TaskServer stopAll refuses what waits, so that it can go elsewhere, and fires the signals of what runs", async () => {
  const { bodies, open, signals } = gated();
  await using pair = await connect(bodies);
  const { client, worker } = pair;
  const running = client.call("wait");
  const accepted = client.call("wait", [], { awaitsAck: true });
  await eventually(() => worker.starts === 1 && accepted.acks === 1);

  worker.tasks.stopAll();
  const refused = await codeOf(accepted);
  const nested = await codeOf(client.call("add", [], { nested: true }));
  const fired = signals[0]?.reason;
  open();

  assert.equal(refused, NackCode.DRAINING);
  assert.equal(nested, NackCode.DRAINING);
  assert.ok(fired instanceof DOMException && fired.name === "AbortError");
  assert.equal(await running.value(), "released"); // it has come to its end all the same
  await worker.tasks.idle();
});

test("TaskServer fires the signals of bodies whose client has gone, and forgets them", async () => {
  const { bodies, signals } = gated();
  await using pair = await connect(bodies);
  const { client, worker, carriers } = pair;
  const call = client.call("wait");
  await eventually(() => worker.starts === 1);

  carriers.client.cut();
  await worker.tasks.idle();

  assert.equal(signals[0]?.aborted, true);
  assert.equal(worker.tasks.inFlight, 0);
  assert.equal((await call.outcome).kind, "lost");
});

test("TaskServer does not count a generator that is suspended at a yield as a root call", async () => {
  async function* numbers(): AsyncGenerator<number, string> {
    yield 1;
    yield 2;
    return "end";
  }
  await using pair = await connect({ numbers, add: () => 3 }, { maxRootTasks: 1 });
  const { client } = pair;

  const stream = client.call("numbers", [], { generator: true });
  await stream.yielded(1);
  const beside = await codeOf(client.call("add"));
  client.session.next(stream.stream);
  client.session.next(stream.stream);

  assert.equal(beside, "done");
  assert.equal(await stream.value(), "end");
  assert.equal(await codeOf(client.call("add")), "done");
});

test("TaskServer gives each task an id of its own, which both sides can tell", async () => {
  await using pair = await connect({ id: () => currentTask()?.id, tag: () => currentTask()?.tag });
  const { client } = pair;

  const ids = await Promise.all([client.call("id").value(), client.call("id").value()]);
  const tag = await client.call("tag", [], { tag: "blue" }).value();

  assert.match(String(ids[0]), /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  assert.notEqual(ids[0], ids[1]);
  assert.equal(tag, "blue");
});

test("TaskServer refuses arguments that it cannot read, and starts nothing", async () => {
  await using pair = await connect({ add: () => 3 });
  const { client, worker } = pair;

  const outcome = await client.callWith("add", Uint8Array.of(0xff, 0xff)).outcome;

  assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.BAD_PAYLOAD);
  assert.equal(worker.starts, 0);
});

test("TaskServer that leaves sends what is finished, and refuses what has not started", async () => {
  let dies = false;
  const bodies = {
    add: () => 3,
    die: () => {
      if (dies) pair.worker.tasks.leave();
    },
    wait: () => new Promise(() => {}),
  };
  await using pair = await connect(bodies);
  const { client, carriers } = pair;
  await Promise.all([client.call("add").outcome, client.call("die").outcome]); // both are known to be short
  const sentBefore = carriers.server.sent.length;
  dies = true;

  const waiting = client.call("wait");
  const calls = ["add", "add", "die", "add", "wait"].map((name) => client.call(name));
  const starts = pair.worker.starts;
  await eventually(() => carriers.server.sent.length > sentBefore && client.goAways.length > 0);
  const outcomes = await Promise.all([0, 1, 3, 4].map((at) => codeOf(calls[at] as RecordedCall)));

  assert.deepEqual(outcomes, ["done", "done", NackCode.DRAINING, NackCode.DRAINING]);
  assert.equal(waiting.outcomes.length, 0);
  assert.equal(pair.worker.starts - starts, 4);
  assert.deepEqual(
    client.goAways.map(({ code, lastStream, unasked }) => ({ code, lastStream, unasked })),
    [{ code: NackCode.DRAINING, lastStream: calls.at(-1)?.stream, unasked: true }],
  );
});

test("TaskServer that leaves after it was told to drain does not say that it ends unasked", async () => {
  await using pair = await connect({});
  const { client, worker } = pair;

  worker.tasks.drain();
  worker.tasks.leave();
  await eventually(() => client.goAways.length === 2);

  assert.deepEqual(
    client.goAways.map(({ unasked }) => unasked),
    [undefined, undefined],
  );
});

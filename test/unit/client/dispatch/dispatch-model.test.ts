// own process: its clock is simulated
import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { QueueFullError } from "../../../../src/errors/queue-full-error.ts";
import type { Nack } from "../../../../src/wire/frames.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import type { ModelWorkerKind } from "../../../support/dispatch-model/model-worker.ts";
import {
  advance,
  type ModelRoutine,
  ModelWorld,
  type Policy,
  settle,
} from "../../../support/dispatch-model/model-world.ts";
import { runSchedule } from "../../../support/dispatch-model/schedule.ts";

/** More schedules, or others: see CONTRIBUTING.md. */
const FIRST_SEED = Number(process.env.MERINO_MODEL_SEED ?? 1);
const SCHEDULES = Number(process.env.MERINO_MODEL_SCHEDULES ?? 1_200);

const SHORT = { id: "short", us: 10 };
const LONG = { id: "long", us: 20_000 };

const KIND = { concurrency: 100, inThread: false };

/** Calls that wait for a worker that has nothing else to do. */
const WAITS: Readonly<Record<string, { readonly routine: ModelRoutine; readonly only?: boolean }>> = {
  "that needs a thread": { routine: { id: "thread", needsThread: true } },
  "whose routine has a limit": { routine: { id: "limited", us: 20_000, limit: 1 } },
  "for one worker": { routine: LONG, only: true },
  "that has large arguments": { routine: { id: "large", large: true } },
  "that another worker has refused": { routine: LONG },
  "that anybody may take": { routine: LONG },
};

/** The refusal of a worker that is full. */
function nack(fields: Partial<Nack> = {}): Nack {
  return { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "", ...fields };
}

/** A world with one worker, which is connected. */
function useWorld(policy: Policy = "least-busy", kind: Partial<ModelWorkerKind> = {}) {
  const world = new ModelWorld({ policy, below: () => 1 });
  const connect = () => {
    const worker = world.find({ ...KIND, ...kind });
    world.connect(worker);
    return worker;
  };
  const [first] = [connect()];
  return {
    world,
    first,
    connect,
    /** Has workers answer until nothing is under way. */
    async end() {
      for (let round = 0; round < 10; round++) {
        for (const worker of world.workers) {
          for (const stream of [...worker.streams.values()]) world.finish(stream, 10, "done");
          worker.progress();
        }
        await settle();
      }
      await world.checkOver();
    },
  };
}

describe("a dispatcher", () => {
  test("sends every call that a member has room for, once, and keeps its counts, whatever happens", async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) await runSchedule(seed);
  });

  test("leaves the process its turns while a call of a high priority waits, whose balancer has no fast path", async () => {
    const { world, end } = useWorld("delegates");
    world.call(LONG);
    await settle();

    const call = world.call(LONG, { priority: 1 });
    await settle(); // which does not come while promises follow promises

    assert.equal(call.sends, 0);
    await end();
  });

  test("sends a call for one worker that has room, though others wait that anybody may take", async () => {
    const { world, first, end } = useWorld();
    world.call(SHORT);
    world.call(LONG);

    const call = world.call(SHORT, { only: first.uid });
    await settle();

    assert.equal(call.sends, 1);
    await end();
  });

  test("sends a call that is the next by its priority, though that is not above 0", async () => {
    const { world, end } = useWorld();
    world.call(SHORT);
    world.call(LONG, { priority: -1 });

    const call = world.call(SHORT);
    await settle();

    assert.equal(call.sends, 1);
    await end();
  });

  test("offers a call that all have refused as full to a worker that comes, before the pause is over", async () => {
    const { world, first, connect, end } = useWorld();
    const call = world.call(SHORT);
    for (const stream of [...first.streams.values()])
      world.refuse(stream, { code: NackCode.FULL, reason: "", retryAfterMs: 1_000, version: "" });
    await settle();

    const second = connect();
    await settle();

    assert.equal(call.sends, 2);
    assert.equal(second.streams.size, 1);
    await end();
  });

  test("keeps no more calls than may wait, where a worker refuses all as full", async () => {
    const world = new ModelWorld({ policy: "least-busy", maxQueue: 3, overflow: "reject", below: () => 1 });
    const worker = world.find({ concurrency: 100, inThread: false });
    world.connect(worker);

    for (let made = 0; made < 20; made++) {
      world.call(SHORT);
      for (const stream of [...worker.streams.values()])
        world.refuse(stream, { code: NackCode.FULL, reason: "", retryAfterMs: 1_000, version: "" });
      worker.progress();
      await settle();
    }

    assert.equal(world.dispatcher.queued, 3);
    assert.equal(world.calls.filter(({ outcome }) => outcome === "rejected").length, 17);
    for (const { error } of world.calls) assert.ok(error === undefined || error instanceof QueueFullError);
    world.lose(worker, { comesBack: false });
    world.expectNobody();
    await advance(10_000);
    await world.checkOver();
  });

  test("counts calls that wait for those workers that have their routine among those that may wait", async () => {
    const world = new ModelWorld({ policy: "least-busy", maxQueue: 2, overflow: "reject", below: () => 1 });
    const [older, newer] = [world.find(KIND), world.find({ concurrency: 1, inThread: false })];
    for (const worker of [older, newer]) world.connect(worker);
    const routine = { id: "new", us: 20_000 };
    const lacks: Nack = { code: NackCode.UNKNOWN_ROUTINE, reason: "", retryAfterMs: 0, version: "" };
    for (let made = 0; made < 2; made++) {
      world.call(routine);
      for (const stream of [...older.streams.values()]) world.refuse(stream, lacks);
      older.progress();
      await settle();
    }

    const calls = [1, 2, 3, 4].map(() => world.call(routine));
    await settle();

    assert.deepEqual([older.streams.size, newer.streams.size, world.dispatcher.queued], [0, 1, 2]);
    assert.deepEqual(
      calls.map(({ error }) => error instanceof QueueFullError),
      [false, true, true, true],
    );
    for (const worker of world.workers) {
      for (let round = 0; round < 4; round++) {
        for (const stream of [...worker.streams.values()]) world.finish(stream, 10, "done");
        worker.progress();
        await settle();
      }
    }
    await world.checkOver();
  });

  for (const [what, wait] of Object.entries(WAITS)) {
    test(`sends a call ${what} once 64 short ones have gone past it`, async () => {
      const { world, first, end } = useWorld("least-busy", { inThread: true });
      const second = what === "that another worker has refused" ? world.find(KIND) : undefined;
      if (second !== undefined) world.connect(second);
      const shorts = what === "that anybody may take" ? { only: first.uid } : {};
      world.call(SHORT, second === undefined ? shorts : { only: first.uid });
      const call = world.call(wait.routine, wait.only === true ? { only: first.uid } : {});
      if (second !== undefined) {
        for (const stream of [...second.streams.values()])
          world.refuse(stream, { code: NackCode.UNKNOWN_ROUTINE, reason: "", retryAfterMs: 0, version: "" });
        world.lose(second, { comesBack: false });
      }
      await settle();
      const sends = second === undefined ? 1 : 2;
      assert.equal(call.sends, sends - 1);

      let passed = 0;
      for (; call.sends < sends && passed < 1_000; passed++) {
        world.call(SHORT, shorts);
        const [stream] = first.streams.values();
        if (stream !== undefined) world.finish(stream, 10, "done");
        first.progress();
        await settle();
      }

      assert.ok(passed >= 60 && passed <= 72, `${passed} have gone past it`);
      await end();
    });
  }

  describe("keeps the order in which calls were made", () => {
    /** Six calls that one worker has, and the streams of those. */
    const useSix = async (routine: ModelRoutine = { id: "many", us: 50 }) => {
      const { world, first, end } = useWorld();
      for (let made = 0; made < 6; made++) world.call(routine);
      await settle();
      return { world, first, end, streams: [...first.streams.values()] };
    };
    /** The tags of the calls in the order in which they are sent, while the worker answers one after the other. */
    const served = async (world: ModelWorld): Promise<string[]> => {
      const tags: string[] = [];
      for (let round = 0; round < 40; round++) {
        for (const worker of world.workers) {
          const [stream] = worker.streams.values();
          if (stream === undefined) continue;
          tags.push(stream.call.tag ?? "");
          world.finish(stream, 50, "done");
          worker.progress();
        }
        await advance(10);
        await settle();
      }
      return tags;
    };
    const IN_ORDER = ["c1", "c2", "c3", "c4", "c5", "c6"];

    test("where a worker refuses several together, since as many bodies of their routine run as may", async () => {
      const { world, first, end, streams } = await useSix();

      for (const stream of streams.slice(1)) world.refuse(stream, nack({ limit: 1 }));
      first.progress();
      await settle();

      assert.deepEqual(await served(world), IN_ORDER);
      await end();
    });

    test("where a worker refuses them in another order than they were sent in", async () => {
      const { world, first, end, streams } = await useSix();

      for (const stream of streams.slice(1).reverse()) world.refuse(stream, nack({ limit: 1 }));
      first.progress();
      await settle();

      assert.deepEqual(await served(world), IN_ORDER);
      await end();
    });

    test("where a connection ends under several that have not left", async () => {
      const { world, first, end } = await useSix();

      world.lose(first, { comesBack: true });
      await settle();
      first.kind = { concurrency: 1, inThread: false };
      first.metadata = { uid: first.uid, options: { maxConcurrentCalls: 1 } };
      world.connect(first);
      await settle();

      assert.deepEqual(await served(world), IN_ORDER);
      await end();
    });

    test("where they go among younger ones that have always waited", async () => {
      const { world, first, end, streams } = await useSix();
      const younger = world.call(LONG);
      await settle();
      assert.equal(younger.sends, 0);

      for (const stream of streams.slice(1)) world.refuse(stream, nack({ limit: 1 }));
      first.progress();
      await settle();
      const order = await served(world);

      assert.deepEqual(
        order.filter((tag) => tag !== younger.tag),
        IN_ORDER,
      );
      await end();
    });

    test("and the priorities, where several are refused together", async () => {
      const { world, first, end } = useWorld();
      const routine = { id: "many", us: 50 };
      for (const priority of [0, 0, 1, 0, 1]) world.call(routine, { priority });
      await settle();

      const streams = [...first.streams.values()];
      assert.equal(streams.length, 5);
      for (const stream of streams.slice(1)) world.refuse(stream, nack({ limit: 1 }));
      first.progress();
      await settle();

      assert.deepEqual(await served(world), ["c1", "c3", "c5", "c2", "c4"]);
      await end();
    });

    test("where all workers have refused them as full, and they are offered again", async () => {
      const { world, first, end, streams } = await useSix();

      for (const stream of [...streams].reverse()) world.refuse(stream, nack({ retryAfterMs: 10 }));
      first.progress();
      await settle();
      first.kind = { concurrency: 1, inThread: false };
      world.update(first, first.kind);
      await advance(10);

      assert.deepEqual(await served(world), IN_ORDER);
      await end();
    });
  });

  test("asks a worker again after its pause, where others have all places of a routine there, though nothing else happens", async () => {
    const { world, first, end } = useWorld();
    const call = world.call({ id: "of others", us: 50 });
    await settle();

    for (const stream of [...first.streams.values()])
      world.refuse(stream, nack({ limit: 1, retryAfterMs: 20 }));
    await settle();
    await advance(19);
    assert.equal(call.sends, 1);
    await advance(1);

    assert.equal(call.sends, 2);
    await end();
  });

  test("leaves a call to its hedge that nobody has taken, where the first attempt has failed", async () => {
    const { world, first, connect, end } = useWorld("delegates");
    const second = connect();
    const call = world.call({ id: "hedged", us: 10, repeated: "hedge" });
    await settle();
    await advance(30);
    assert.deepEqual([first.streams.size, second.streams.size], [1, 1]);
    for (const stream of first.streams.values()) world.park(stream, 10);

    world.lose(first, { comesBack: false });
    await settle();
    world.lose(second, { comesBack: false });
    await settle();
    connect();
    await settle();

    assert.equal(call.sends, 3);
    await end();
    assert.equal(call.outcome, "resolved");
  });
});

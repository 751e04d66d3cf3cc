/** Which `this` a routine takes: what the caller sends, and what the worker runs with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { portable } from "../../../src/codec/portable.ts";
import type { CallRequest, CallTarget } from "../../../src/context/dispatcher.ts";
import { routine } from "../../../src/routine/routine.ts";
import { connect } from "../../support/protocol-peers.ts";

@portable
class Counter {
  start: number;
  constructor(start: number) {
    this.start = start;
  }

  @routine
  async add(by: number): Promise<number> {
    return this.start + by;
  }

  @routine
  async *count(): AsyncGenerator<number> {
    yield this.start;
  }

  @routine
  static async zero(): Promise<number> {
    return 0;
  }
}

@portable
class Double extends Counter {
  override async add(by: number): Promise<number> {
    return await super.add(by * 2);
  }
}

@portable
class Stranger {
  start = 1;
}

class Local extends Counter {}

const requests: CallRequest[] = [];
const pool: CallTarget = {
  dispatcher: {
    call(request) {
      requests.push(request);
      return Promise.resolve("sent");
    },
    async *stream(request) {
      requests.push(request);
      yield "sent";
    },
  },
};

type Loose = (this: unknown, ...parameters: unknown[]) => Promise<unknown>;

const add = (Counter.prototype.add as unknown as { with(options: object): Loose }).with({ pool });
const zero = (Counter.zero as unknown as { with(options: object): Loose }).with({ pool });
const count = (
  Counter.prototype.count as unknown as { with(options: object): (this: unknown) => AsyncGenerator }
).with({ pool });
const plain = (
  routine(async function plainOfReceivers() {}) as unknown as { with(options: object): Loose }
).with({ pool });

function receiverOf(request: CallRequest | undefined): unknown {
  return request?.receiver;
}

test("a method is sent with an instance of its class, or of one below it, as its receiver", async () => {
  for (const receiver of [new Counter(1), new Double(1)]) {
    assert.equal(await add.call(receiver, 1), "sent");
    assert.equal(receiverOf(requests.at(-1)), receiver);
    assert.match(requests.at(-1)?.definition.id ?? "", /#Counter\.add$/);
    assert.deepEqual(await count.call(receiver).next(), { done: false, value: "sent" });
  }
});

test("a method refuses any other receiver before anything is sent, whether or not it was called before", async () => {
  const { add: fresh } = { add: (Double.prototype as unknown as { add: Loose }).add };
  assert.notEqual(fresh, add);
  const sent = requests.length;
  const foreign: unknown[] = [
    undefined,
    null,
    { start: 1 },
    "text",
    5,
    [new Counter(1)],
    () => 1,
    new Stranger(),
    new Map(),
    Counter,
    Counter.prototype,
    Object.create(null),
    globalThis,
    { add, start: 1 },
  ];

  for (const receiver of foreign) {
    await assert.rejects(add.call(receiver, 1), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /object\.add\(…\)/,
    });
    await assert.rejects(count.call(receiver).next(), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
  }
  assert.equal(requests.length, sent);
});

test("a method refuses an instance of a class below its own that does not travel", async () => {
  await assert.rejects(add.call(new Local(1), 1), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "this",
    message: /portable\(Local\)/,
  });
});

test("a method handed to another portable class is a routine of either", async () => {
  @portable
  class Adopter {
    start = 5;
    declare add: Counter["add"];
  }
  Adopter.prototype.add = Counter.prototype.add;

  await add.call(new Adopter(), 1);
  const adopted = requests.at(-1)?.definition.id;
  await add.call(new Counter(1), 1);

  assert.match(adopted ?? "", /#Adopter\.add$/);
  assert.match(requests.at(-1)?.definition.id ?? "", /#Counter\.add$/);
});

test("a static method takes its class, one below it, or nothing", async () => {
  for (const [receiver, sent] of [
    [Counter, Counter],
    [Double, Double],
    [undefined, undefined],
    [{ zero }, undefined],
    [class Unregistered {}, undefined],
  ] as const) {
    await zero.call(receiver);
    assert.equal(receiverOf(requests.at(-1)), sent);
  }
  for (const receiver of [Stranger, new Counter(1), new Stranger()]) {
    await assert.rejects(zero.call(receiver), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /static method of 'Counter'.*call it as Counter\.zero\(…\)/,
    });
  }
});

test("a static method refuses a class below its own that does not travel, and needs no portable class of its own", async () => {
  class Plain {
    @routine
    static async rate(): Promise<number> {
      return 1;
    }
  }
  class Dearer extends Plain {}
  const rate = (Plain.rate as unknown as { with(options: object): Loose }).with({ pool });

  await rate.call(Plain);

  assert.equal(receiverOf(requests.at(-1)), undefined);
  await assert.rejects(rate.call(Dearer), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "this",
    message: /the class 'Dearer'.*portable\(Dearer\)/,
  });
});

test("a routine that is no method is sent with what travels as its receiver, and else without", async () => {
  const counter = new Counter(1);
  for (const [receiver, sent] of [
    [counter, counter],
    [Counter, Counter],
    [{ plain }, undefined],
    ["text", undefined],
  ] as const) {
    await plain.call(receiver);
    assert.equal(receiverOf(requests.at(-1)), sent);
  }
});

test("a worker runs a method only with an instance of its class, whatever its caller sends", async () => {
  const classes: unknown[] = [];
  await using pair = await connect(
    {
      "jobs#Counter.add": function (this: Counter, by: number) {
        return this.start + by;
      } as never,
      "jobs#Counter.zero": function (this: unknown) {
        classes.push(this);
        return 0;
      } as never,
      "jobs#plain": (() => 1) as never,
    },
    { owners: { "jobs#Counter.add": Counter.prototype, "jobs#Counter.zero": Counter } },
  );
  const { client, worker } = pair;
  const call = async (id: string, receiver: unknown) => {
    const { outcome } = client.call(id, [receiver, 2], { hasReceiver: true });
    return await outcome;
  };

  for (const receiver of [new Counter(40), new Double(40)]) {
    assert.deepEqual((await call("jobs#Counter.add", receiver)).kind, "done");
  }
  assert.equal((await call("jobs#Counter.zero", Double)).kind, "done");
  assert.equal((await call("jobs#Counter.zero", undefined)).kind, "done");
  assert.deepEqual(classes, [Double, Counter]); // without a receiver it runs on its own class
  assert.equal((await call("jobs#plain", new Stranger())).kind, "done");
  const starts = worker.starts;
  for (const [id, receivers] of [
    [
      "jobs#Counter.add",
      [{ start: 40 }, "text", 5, null, undefined, [1], new Stranger(), Counter, new Map()],
    ],
    ["jobs#Counter.zero", [{}, "text", Stranger, new Counter(1)]],
    ["jobs#plain", [{}, "text", null, [1], new Map()]],
  ] as const) {
    for (const receiver of receivers) {
      const outcome = await call(id, receiver);
      assert.equal(outcome.kind, "refused", `${id} of ${String(receiver)}`);
    }
  }
  assert.equal((await client.call("jobs#Counter.add", [2]).outcome).kind, "refused");
  assert.equal(worker.starts, starts);
});

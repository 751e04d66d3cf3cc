/** Both ends of iterables, streams and callbacks: what they ask of each other, and what they hold. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Callback, callback } from "../../../../src/codec/beside/callback.ts";
import { FlowKind } from "../../../../src/codec/format.ts";
import type { MerinoError } from "../../../../src/errors/merino-error.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { eventually } from "../../../support/eventually.ts";
import { flowPair, type SentFlow } from "../../../support/flow-pair.ts";
import { payloadOf } from "../../../support/protocol-peers.ts";

async function* upTo<T>(count: number, make: (n: number) => T): AsyncGenerator<T> {
  for (let n = 0; n < count; n++) yield make(n);
}

const number = (n: number): number => n;

function acts(sent: readonly SentFlow[], act: FlowAct): readonly SentFlow[] {
  return sent.filter((message) => message.act === act);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

/** As many turns of the loop as anything here takes. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("ReceivedIterable", () => {
  test("asks for nothing before it is read, and then for one item", async () => {
    const { pass, sent } = flowPair();
    const items = pass<AsyncIterableIterator<number>>(upTo(5, number), FlowKind.ITERABLE);
    await turns();
    assert.deepEqual(sent, []);

    const first = await items.next();
    await turns();

    assert.deepEqual(first, { value: 0, done: false });
    assert.deepEqual(
      sent.map(({ act, number: count }) => [act, count]),
      [
        [FlowAct.Pull, 1],
        [FlowAct.Item, 0],
      ],
    );
  });

  test("asks for more ahead each time it has to wait, up to 256, and hands out all items in order", async () => {
    const { pass, sent, problems, kept } = flowPair();

    const read = await all(pass<AsyncIterable<number>>(upTo(500, number), FlowKind.ITERABLE));

    assert.deepEqual(
      read,
      Array.from({ length: 500 }, (_, n) => n),
    );
    const pulls = acts(sent, FlowAct.Pull);
    const granted = pulls.reduce((sum, pull) => sum + pull.number, 0);
    assert.ok(granted >= 500 && granted <= 756, `${granted} items were asked for`);
    assert.ok(pulls.length < 60, `${pulls.length} times`);
    assert.ok(Math.max(...pulls.map((pull) => pull.number)) <= 256);
    assert.deepEqual(problems, []);
    assert.equal(kept(), 0);
  });

  test("lets a source run ahead by no more bytes than its window, and one item of any size", async () => {
    const { pass, sent } = flowPair({ aheadBytes: 1_000 });
    const items = pass<AsyncIterableIterator<Uint8Array>>(
      upTo(200, () => new Uint8Array(400)),
      FlowKind.ITERABLE,
    );
    for (let n = 0; n < 20; n++) await items.next();
    await turns();

    const ahead = acts(sent, FlowAct.Item).length - 20;
    assert.ok(ahead <= 3, `${ahead} items of 400 bytes are ahead`);
    let left = 0;
    for await (const _item of items) left += 1;
    assert.equal(left, 180);
  });

  test("gives several readers at once an item each, and all of them the end", async () => {
    const { pass } = flowPair();
    const items = pass<AsyncIterableIterator<number>>(upTo(2, number), FlowKind.ITERABLE);

    const results = await Promise.all([items.next(), items.next(), items.next(), items.next()]);

    assert.deepEqual(
      results.map(({ value, done }) => [value, done]),
      [
        [0, false],
        [1, false],
        [undefined, true],
        [undefined, true],
      ],
    );
  });

  test("releases what has come ahead when it is left, and takes nothing that comes after", async () => {
    const { pass, sent, kept, problems } = flowPair();
    const items = pass<AsyncIterableIterator<number>>(upTo(1_000, number), FlowKind.ITERABLE);
    for (let n = 0; n < 50; n++) await items.next();
    await turns();
    assert.ok(kept() > 0);

    await items.return?.();
    await turns();

    assert.equal(kept(), 0);
    assert.equal(acts(sent, FlowAct.Stop).length, 1);
    assert.deepEqual(await items.next(), { value: undefined, done: true });
    assert.deepEqual(problems, []);
  });

  test("rejects whoever reads when the call ends, and releases what has come ahead", async () => {
    const { pass, received, kept } = flowPair();
    const items = pass<AsyncIterableIterator<number>>(upTo(1_000, number), FlowKind.ITERABLE);
    for (let n = 0; n < 50; n++) await items.next();
    await turns();
    const never = pass<AsyncIterableIterator<number>>(
      { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) },
      FlowKind.ITERABLE,
    );
    const waiting = never.next();

    received.end((what) => new Error(what));

    await assert.rejects(waiting, /read the iterable/);
    await assert.rejects(items.next(), /read the iterable/);
    assert.equal(kept(), 0);
  });

  test("does not let an error that nobody awaits end the process", async () => {
    const { pass } = flowPair();
    const items = pass<AsyncIterableIterator<number>>(
      upTo(1, () => {
        throw new Error("unheard");
      }),
      FlowKind.ITERABLE,
    );

    void items.next();
    await turns(); // the runner fails the file for an unhandled rejection

    assert.deepEqual(await items.next(), { value: undefined, done: true });
  });

  test("refuses an item that was not asked for, and an act of the wrong end", () => {
    const { pass, received } = flowPair();
    pass(upTo(1, number), FlowKind.ITERABLE);
    const head = { index: 0, number: 0, taken: 0 };

    assert.match(received.take({ ...head, act: FlowAct.Item }, payloadOf(1)) ?? "", /not asked for/);
    assert.match(received.take({ ...head, act: FlowAct.Pull }, NO_PAYLOAD) ?? "", /wrong end/);
    assert.match(received.take({ ...head, index: 3, act: FlowAct.Item }, NO_PAYLOAD) ?? "", /there is not/);
  });
});

describe("OwnFlows", () => {
  test("takes 256 of them and no more", () => {
    const { own } = flowPair();

    for (let n = 0; n < 256; n++) assert.equal(own.add(upTo(1, number), FlowKind.ITERABLE), n);
    assert.match(String(own.add(upTo(1, number), FlowKind.ITERABLE)), /more than 256/);
  });

  test("refuses acts for flows that there are not, or that are of another kind", () => {
    const { own } = flowPair();
    own.add(upTo(1, number), FlowKind.ITERABLE);
    own.add(
      callback(() => {}),
      FlowKind.CALLBACK,
    );
    const head = { number: 1, taken: 0 };

    assert.match(own.take({ ...head, index: 2, act: FlowAct.Pull }, NO_PAYLOAD) ?? "", /there is not/);
    assert.match(own.take({ ...head, index: 0, act: FlowAct.Call }, payloadOf([])) ?? "", /no callback/);
    assert.match(own.take({ ...head, index: 1, act: FlowAct.Pull }, NO_PAYLOAD) ?? "", /no iterable/);
    assert.match(own.take({ ...head, index: 1, act: FlowAct.Call }, payloadOf(7)) ?? "", /no list/);
    assert.match(own.take({ ...head, index: 1, act: FlowAct.Item }, payloadOf(7)) ?? "", /wrong end/);
    assert.match(own.take({ ...head, index: 1, act: 99 }, payloadOf(7)) ?? "", /wrong end/);
  });

  test("closes a source in the midst of a step, and sends nothing after the end", async () => {
    const { pass, own, sent } = flowPair();
    let give = (_item: number): void => {};
    let closed: unknown;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((resolve) => (give = (value) => resolve({ value, done: false }))),
        return(reason: unknown) {
          closed = reason;
          throw new Error("nobody hears that");
        },
      }),
    };
    const items = pass<AsyncIterableIterator<number>>(source, FlowKind.ITERABLE);
    void items.next();
    await turns();

    own.end({ reason: "over" });
    give(1);
    await turns();

    assert.equal(closed, "over");
    assert.deepEqual(acts(sent, FlowAct.Item), []);
  });
});

describe("ReceivedCallback", () => {
  test("has at most 256 calls under way, in their order, and sends the others as answers come", async () => {
    const { pass, sent, problems } = flowPair();
    const waiting: (() => void)[] = [];
    const call = pass<Callback<[number], number>>(
      callback((n: number) => new Promise<number>((resolve) => waiting.push(() => resolve(n)))),
      FlowKind.CALLBACK,
    );

    const answers = Promise.all(Array.from({ length: 300 }, (_, n) => call(n)));
    await turns();
    assert.equal(acts(sent, FlowAct.Call).length, 256);
    while (waiting.length > 0) {
      waiting.pop()?.();
      await turns();
    }

    assert.deepEqual(
      await answers,
      Array.from({ length: 300 }, (_, n) => n),
    );
    assert.deepEqual(
      acts(sent, FlowAct.Call).map(({ value }) => (value as number[])[0]),
      Array.from({ length: 300 }, (_, n) => n),
    );
    assert.deepEqual(problems, []);
  });

  test("sends its arguments as they are when it is called, though it has to wait", async () => {
    const { pass, sent } = flowPair();
    const call = pass<Callback<[{ n: number }], unknown>>(
      callback(() => Promise.resolve()),
      FlowKind.CALLBACK,
    );
    const argument = { n: 0 };

    const answers: Promise<unknown>[] = [];
    for (let n = 0; n < 300; n++) {
      argument.n = n;
      answers.push(call(argument));
    }
    await Promise.all(answers);

    assert.deepEqual(acts(sent, FlowAct.Call).at(-1)?.value, [{ n: 299 }]);
  });

  test("rejects calls that are under way, waiting, and made later, when the call ends", async () => {
    const { pass, received } = flowPair();
    const call = pass<Callback<[], unknown>>(
      callback(() => new Promise(() => {})),
      FlowKind.CALLBACK,
    );
    const early = Array.from({ length: 300 }, () => call());
    void call(); // nobody awaits it

    received.end((what) => new Error(what));

    const outcomes = await Promise.allSettled([...early, call()]);
    assert.ok(outcomes.every((outcome) => outcome.status === "rejected"));
  });

  test("rejects more calls than may wait", async () => {
    const { pass, received } = flowPair();
    const call = pass<Callback<[], unknown>>(
      callback(() => new Promise(() => {})),
      FlowKind.CALLBACK,
    );
    for (let n = 0; n < 256 + 65_536; n++) void call();

    await assert.rejects(call(), (error: MerinoError) => error.code === "ERR_MERINO_QUEUE_FULL");

    received.end((what) => new Error(what));
  });

  test("refuses an answer to a call that was not made", () => {
    const { pass, received } = flowPair();
    pass(
      callback(() => {}),
      FlowKind.CALLBACK,
    );

    const head = { index: 0, act: FlowAct.Item, number: 5, taken: 0 };

    assert.match(received.take(head, payloadOf(1)) ?? "", /not made/);
  });
});

describe("OwnCallback", () => {
  test("refuses more calls at a time than may be under way", () => {
    const { own } = flowPair();
    own.add(
      callback(() => new Promise(() => {})),
      FlowKind.CALLBACK,
    );
    const call = (n: number): string | undefined =>
      own.take({ index: 0, act: FlowAct.Call, number: n, taken: 0 }, payloadOf([]));

    for (let n = 1; n <= 256; n++) assert.equal(call(n), undefined);

    assert.match(call(257) ?? "", /more calls/);
  });

  test("answers with an error what cannot be sent back", async () => {
    const { pass } = flowPair();
    const call = pass<Callback<[], unknown>>(
      callback(() => ({ f: () => {} })),
      FlowKind.CALLBACK,
    );

    await assert.rejects(call(), (error: MerinoError) => error.code === "ERR_MERINO_NOT_SERIALIZABLE");
  });
});

describe("OwnWritable", () => {
  test("is written in order, and tells whoever writes on, or closes it, of a sink that fails", async () => {
    const { pass, problems } = flowPair();
    const log: unknown[] = [];
    const failing = (): WritableStream<number> =>
      pass(
        new WritableStream<number>({
          write(n) {
            if (n === 3) throw new RangeError("three");
            log.push(n);
          },
        }),
        FlowKind.WRITABLE,
      );
    const [writer, closer] = [failing().getWriter(), failing().getWriter()];
    const isThree = (error: Error): boolean => error.message === "three";

    await assert.rejects(async () => {
      for (let n = 1; n < 1_000; n++) await writer.write(n);
    }, isThree);
    for (const n of [1, 2, 3]) await closer.write(n);
    await assert.rejects(closer.close(), isThree);

    assert.deepEqual(log, [1, 2, 1, 2]);
    assert.deepEqual(problems, []);
  });

  test("has 64 chunks sent to it, and no more, that it has not written", async () => {
    const { pass, sent } = flowPair();
    const log: number[] = [];
    let go = (): void => {};
    const stream = pass<WritableStream<number>>(
      new WritableStream<number>({
        write(n) {
          log.push(n);
          return new Promise((resolve) => (go = resolve));
        },
      }),
      FlowKind.WRITABLE,
    );
    const writer = stream.getWriter();
    const writes = Array.from({ length: 200 }, (_, n) => writer.write(n));
    const closed = writer.close();
    await turns();

    assert.equal(acts(sent, FlowAct.Call).length, 64);
    for (let n = 0; n < 200; n++) {
      go();
      await turns();
    }

    await Promise.all([...writes, closed]);
    assert.deepEqual(
      log,
      Array.from({ length: 200 }, (_, n) => n),
    );
    assert.deepEqual(acts(sent, FlowAct.Call).at(-1)?.value, ["close"]);
  });

  test("has one chunk of any size on its way, and no more bytes than its window", async () => {
    const { pass, sent } = flowPair({ aheadBytes: 1_000 });
    const chunks: Uint8Array[] = [];
    let go = (): void => {};
    const stream = pass<WritableStream<Uint8Array>>(
      new WritableStream<Uint8Array>({
        write(chunk) {
          chunks.push(chunk);
          return new Promise((resolve) => (go = resolve));
        },
      }),
      FlowKind.WRITABLE,
    );
    const writer = stream.getWriter();
    const writes = Array.from({ length: 4 }, () => writer.write(new Uint8Array(5_000)));
    await turns();
    assert.equal(acts(sent, FlowAct.Call).length, 1);

    for (let n = 0; n < 4; n++) {
      go();
      await turns();
    }

    await Promise.all(writes);
    assert.equal(chunks.length, 4);
  });

  test("fails the write of what cannot be sent, and the writes that wait when the call ends", async () => {
    const { pass, received } = flowPair();
    const never = (): WritableStream<unknown> => new WritableStream({ write: () => new Promise(() => {}) });
    const [refused, ended] = [never(), never()].map((stream) =>
      pass<WritableStream<unknown>>(stream, FlowKind.WRITABLE).getWriter(),
    );

    await assert.rejects(
      refused?.write(() => {}) ?? Promise.resolve(),
      (error: MerinoError) => error.code === "ERR_MERINO_NOT_SERIALIZABLE",
    );
    const writes = Array.from({ length: 70 }, (_, n) => ended?.write(n));
    await turns();
    received.end((what) => new Error(what));

    const outcomes = await Promise.allSettled(writes);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 63);
    assert.ok(outcomes.slice(63).every(({ status }) => status === "rejected"));
  });

  test("leaves alone a stream to which somebody else writes", async () => {
    const { pass, own } = flowPair();
    const stream = new WritableStream();
    stream.getWriter();
    const arrived = pass<WritableStream<number>>(stream, FlowKind.WRITABLE);

    const writer = arrived.getWriter();

    await assert.rejects(
      writer.write(1).then(() => writer.close()),
      TypeError,
    );
    own.end(undefined);

    assert.equal(stream.locked, true);
  });
});

describe("ReceivedFlows", () => {
  test("gives one thing for one number, and none of a kind that it does not know", () => {
    const { received } = flowPair();

    const first = received.flowOf(FlowKind.ITERABLE, 0);

    assert.equal(received.flowOf(FlowKind.ITERABLE, 0), first);
    assert.match(String(received.flowOf(FlowKind.CALLBACK, 0)), /two things/);
    assert.match(String(received.flowOf(77, 1)), /unknown kind/);
    for (let index = 1; index < 256; index++) received.flowOf(FlowKind.ITERABLE, index);
    assert.match(String(received.flowOf(FlowKind.ITERABLE, 256)), /more than 256/);
  });

  test("closes a ReadableStream that is cancelled with the reason", async () => {
    const { pass } = flowPair();
    let cancelled: unknown;
    const stream = pass<ReadableStream<number>>(
      new ReadableStream<number>({
        pull: (controller) => controller.enqueue(1),
        cancel: (reason) => {
          cancelled = reason;
        },
      }),
      FlowKind.READABLE,
    );
    const reader = stream.getReader();

    assert.equal((await reader.read()).value, 1);
    await reader.cancel("enough");

    await eventually(() => cancelled === "enough");
  });
});

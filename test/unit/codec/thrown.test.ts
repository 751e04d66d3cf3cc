/** Errors: their classes, fields and stacks, the marker of the worker, and what happens to parts that cannot travel. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeThrown } from "../../../src/codec/encode/encoder.ts";
import { HandshakeError } from "../../../src/errors/handshake-error.ts";
import { isMerinoError } from "../../../src/errors/merino-error.ts";
import { NotSerializableError } from "../../../src/errors/not-serializable-error.ts";
import { RemoteError } from "../../../src/errors/remote-error.ts";
import { WorkerLostError } from "../../../src/errors/worker-lost-error.ts";
import { assertHarmless, assertHarmlessLine, HOSTILE_TEXT } from "../../support/hostile/text.ts";
import { assertSame } from "./assert-same.ts";
import { PaymentError, StrangeError, Stranger } from "./awkward-classes.ts";
import { messageOf, receive, references } from "./support.ts";

function deliver(thrown: unknown, origin?: string): unknown {
  const options = { root: "error", references, ...(origin !== undefined && { origin }) };
  return receive(messageOf(encodeThrown(thrown, options)));
}

test("encodeThrown keeps class, message, fields, cause and stack", () => {
  const error = new PaymentError("declined", 2, { cause: new TypeError("c") });

  const arrived = deliver(error);

  assertSame(arrived, error);
});

test("encodeThrown delivers what is thrown without being an error", () => {
  for (const thrown of [undefined, null, 0, "text", { a: [1] }]) assertSame(deliver(thrown), thrown);
});

test("encodeThrown keeps class, fields and fault of Merino's own errors", () => {
  const lost = new WorkerLostError("it is gone", { uid: "w", pid: 5, exitCode: 1 });
  const refused = new NotSerializableError("result.a", "it is a function", { fault: "routine" });

  const arrived = [deliver(lost), deliver(refused)] as [WorkerLostError, NotSerializableError];

  assert.ok(arrived.every(isMerinoError));
  assertSame(arrived[0], lost);
  assert.ok(arrived[1] instanceof NotSerializableError);
  assert.deepEqual([arrived[1].fault, arrived[1].path], ["routine", "result.a"]);
});

test("encodeThrown delivers an unknown class as RemoteError with the original's name, fields and stack", () => {
  const error = new StrangeError("m");

  const arrived = deliver(error) as RemoteError & StrangeError;

  assert.ok(arrived instanceof RemoteError);
  assert.equal(arrived.code, "ERR_MERINO_REMOTE");
  assert.deepEqual(
    [arrived.remoteName, arrived.name, arrived.message, arrived.cause, arrived.stack],
    ["StrangeError", "StrangeError", "m", "why", error.stack],
  );
  assert.deepEqual(arrived.detail, { a: [1] });
});

test("a RemoteError stays as it is on its way through another worker", () => {
  const error = deliver(new StrangeError("m"));

  const arrived = deliver(error);

  assertSame(arrived, error);
});

test("a portable error of which the receiver does not know the class arrives as RemoteError", () => {
  const message = messageOf(encodeThrown(new PaymentError("declined", 2), { root: "error", references }));
  const text = message.bytes.toString("latin1").replace("#PaymentError", "#PaymentErrox");

  const arrived = receive({ bytes: Buffer.from(text, "latin1"), parts: [] }) as RemoteError & PaymentError;

  assert.ok(arrived instanceof RemoteError);
  assert.deepEqual([arrived.remoteName, arrived.attempts], ["PaymentError", 2]);
});

test("decodeValue keeps message and name of a hostile error, and escapes its stack", () => {
  const error = Object.assign(new Error(HOSTILE_TEXT), { name: `Evil${HOSTILE_TEXT}` });
  error.stack = `Evil: ${HOSTILE_TEXT}\n    at ${HOSTILE_TEXT}`;

  const arrived = deliver(error) as Error;

  assert.deepEqual([arrived.message, arrived.name], [HOSTILE_TEXT, `Evil${HOSTILE_TEXT}`]);
  assertHarmless(arrived.stack ?? "", "the stack");
});

test("decodeValue gives an error of Merino's no message that Merino would not make", () => {
  const forged = new HandshakeError("x");
  Object.defineProperty(forged, "message", { value: HOSTILE_TEXT });

  const arrived = deliver(forged) as HandshakeError;

  assert.equal(arrived.code, "ERR_MERINO_HANDSHAKE");
  assertHarmlessLine(arrived.message, "the message");
});

test("encodeThrown marks the stack with the origin, once for each worker, in order", () => {
  const error = new Error("m", { cause: new Error("c") });
  const stack = error.stack;

  const first = deliver(error, "worker 1") as Error;
  const again = deliver(first, "worker 1") as Error;
  const second = deliver(again, "worker 2") as Error;

  assert.equal(first.stack, `${stack}\n    at [worker 1]`);
  assert.equal(again.stack, first.stack);
  assert.equal(second.stack, `${first.stack}\n    at [worker 2]`);
  assert.match((first.cause as Error).stack ?? "", /\n {4}at \[worker 1\]$/);
  assert.equal(error.stack, stack);
});

test("encodeThrown tells worker 1 from worker 11", () => {
  const error = deliver(deliver(new Error("m"), "worker 11"), "worker 1") as Error;

  assert.match(error.stack ?? "", /\[worker 11\]\n {4}at \[worker 1\]$/);
});

test("encodeThrown puts a text in the place of what cannot travel and keeps everything else", () => {
  const error = Object.assign(new RangeError("m", { cause: () => 1 }), {
    request: { url: "u", socket: new Stranger(), sizes: [1, () => 2] },
    status: 500,
    broken: undefined as unknown,
  });
  Object.defineProperty(error, "broken", { get: () => assert.fail("never"), enumerable: true });

  const arrived = deliver(error) as typeof error;

  assert.ok(arrived instanceof RangeError);
  assert.deepEqual([arrived.message, arrived.status, arrived.request.url], ["m", 500, "u"]);
  assert.equal(arrived.request.sizes[0], 1);
  for (const [text, path] of [
    [arrived.cause, "error.cause"],
    [arrived.request.socket, "error.request.socket"],
    [arrived.request.sizes[1], "error.request.sizes[1]"],
    [arrived.broken, "never"],
  ] as const) {
    assert.ok(typeof text === "string" && text.startsWith("[not sent: ") && text.includes(path));
  }
});

test("encodeThrown keeps identities in an error of which something cannot travel", () => {
  const shared = { a: 1 };
  const items = Array.from({ length: 30 }, (_, index) => ({ index }));
  const error = Object.assign(new Error("m"), {
    items,
    dropped: new Map<unknown, unknown>([[shared, new (class Odd extends Map {})()]]),
    odd: Object.assign(new Map([[{}, {}]]), { extra: 1 }),
    again: [shared, shared, items[29]],
    self: undefined as unknown,
  });
  error.self = error;

  const arrived = deliver(error) as typeof error;

  assert.equal(arrived.self, arrived);
  assert.equal(arrived.again[0], arrived.again[1]);
  assert.equal(arrived.again[2], arrived.items[29]);
  assert.equal([...arrived.dropped.keys()][0], arrived.again[0]);
  assert.equal(typeof arrived.odd, "string");
});

test("encodeThrown turns a thrown value that cannot travel at all into a RemoteError", () => {
  for (const [thrown, name] of [
    [() => 1, "function"],
    [Symbol("s"), "symbol"],
    [new Stranger(), "Stranger"],
    [Promise.resolve(), "Promise"],
  ] as const) {
    const arrived = deliver(thrown, "worker 1");

    assert.ok(arrived instanceof RemoteError);
    assert.equal(arrived.remoteName, name);
    assert.equal(arrived.stack, `${name}: ${arrived.message}\n    at [worker 1]`);
  }
});

test("encodeThrown never throws, whatever is thrown", () => {
  const hostile: unknown[] = [
    new Proxy({}, { getPrototypeOf: () => assert.fail("trap") }),
    new Proxy(new Error("m"), { get: () => assert.fail("trap"), ownKeys: () => assert.fail("trap") }),
    Object.defineProperty(new Error("m"), "stack", { get: () => assert.fail("stack") }),
    Object.defineProperty(new Error("m"), "name", { get: () => assert.fail("name") }),
    {
      get message() {
        return assert.fail("message");
      },
    },
    Object.create(null),
    Object.create(Error.prototype),
  ];
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) deep = { deep };
  hostile.push(Object.assign(new Error("m"), { deep }), deep);

  for (const thrown of hostile) assert.ok(deliver(thrown) !== undefined);
});

test("errors made by a function that inherits from Error arrive as errors", () => {
  function OldError(this: { message: string }) {
    this.message = "old";
  }
  OldError.prototype = Object.create(Error.prototype, { constructor: { value: OldError } });
  const error = Reflect.construct(OldError as never, []) as Error;

  const arrived = deliver(error) as RemoteError;

  assert.ok(arrived instanceof Error);
  assert.deepEqual([arrived.remoteName, arrived.message], ["OldError", "old"]);
});

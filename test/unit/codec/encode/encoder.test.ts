/** What the encoder promises beyond the table of values: memory, identity of views, references, blame. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import type { Encoded } from "../../../../src/codec/encoded.ts";
import { MAX_DEPTH, PART_THRESHOLD_BYTES } from "../../../../src/codec/format.ts";
import { WorkerCredentials } from "../../../../src/credentials/worker-credentials.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";
import { assertSame } from "../assert-same.ts";
import { Money, Point } from "../awkward-classes.ts";
import { messageOf, receive, references, roundTrip, send } from "../support.ts";

const options = { root: "args", references } as const;

function refusal(value: unknown, more: object = {}): NotSerializableError {
  try {
    encodeValue(value, { ...options, ...more });
  } catch (error) {
    assert.ok(error instanceof NotSerializableError);
    return error;
  }
  return assert.fail("nothing was refused");
}

function chain(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { next: value };
  return value;
}

test("encodeValue returns the same object each time, and bytes that later calls leave alone", () => {
  const kept: Encoded[] = [];
  const objects = new Set<Encoded>();
  for (let index = 0; index < 3_000; index++) {
    const encoded = encodeValue([index, "x".repeat(index % 100)], options);
    objects.add(encoded);
    kept.push({ ...encoded });
  }

  const values = kept.map((encoded) => receive(messageOf(encoded)));

  assert.equal(objects.size, 1);
  assert.deepEqual(
    values,
    kept.map((_, index) => [index, "x".repeat(index % 100)]),
  );
});

test("encodeValue gives a value larger than a slab memory of its own and goes on in the slab", () => {
  const before = { ...encodeValue([1], options) };
  const large = { ...encodeValue(["é".repeat(100_000)], options) };
  const after = { ...encodeValue([2], options) };

  assert.notEqual(large.bytes, before.bytes);
  assert.equal(after.bytes, before.bytes);
  assert.equal(after.start, before.end);
  assertSame(receive(messageOf(large)), ["é".repeat(100_000)]);
});

test("encodeValue leaves nothing of a refused value behind", () => {
  const shared = { a: 1 };
  refusal([shared, shared, new Uint8Array(PART_THRESHOLD_BYTES), () => 1]);

  const encoded = encodeValue([shared], options);

  assert.equal(encoded.parts.length, 0);
  assert.equal(Buffer.from(encoded.bytes).toString("hex", encoded.start, encoded.end), "089181a16101");
});

test("encodeValue may be called by a getter of the value it encodes", () => {
  const value = {
    before: "b",
    get inner() {
      return messageOf(encodeValue([{ nested: true }], options)).bytes.length;
    },
    after: "a",
  };

  const arrived = roundTrip(value);

  assertSame(arrived, { before: "b", inner: 11, after: "a" });
});

test("encodeValue sends binary from 64 KiB on beside the message, without copying it", () => {
  const bytes = new Uint8Array(PART_THRESHOLD_BYTES);
  const small = new Uint8Array(PART_THRESHOLD_BYTES - 1);

  const encoded = encodeValue([bytes, small], options);

  assert.equal(encoded.parts.length, 1);
  assert.equal(encoded.parts[0]?.buffer, bytes.buffer);
  assert.ok(encoded.end - encoded.start > small.length);
});

test("encodeValue puts all binary into the message when told to, and it arrives as it was", () => {
  const shared = new ArrayBuffer(3 * PART_THRESHOLD_BYTES);
  new Uint8Array(shared).fill(7);
  const values = [
    Buffer.alloc(10_000_000, 1),
    new ArrayBuffer(PART_THRESHOLD_BYTES),
    new Uint8Array(PART_THRESHOLD_BYTES).fill(3),
    new Float64Array(PART_THRESHOLD_BYTES).fill(0.5),
    new DataView(new ArrayBuffer(PART_THRESHOLD_BYTES)),
    [shared, new Uint8Array(shared, 8), new Uint16Array(shared, 16, 40_000)],
  ];

  const encoded = encodeValue(values, { ...options, inline: true });
  const arrived = receive(messageOf(encoded));

  assert.equal(encoded.parts.length, 0);
  assertSame(arrived, values);
});

test("encodeValue copies large binary when told to", () => {
  const bytes = new Uint8Array(PART_THRESHOLD_BYTES).fill(1);

  const { parts } = encodeValue([bytes], { ...options, copy: true });
  bytes.fill(2);

  assert.notEqual(parts[0]?.buffer, bytes.buffer);
  assert.equal(parts[0]?.[0], 1);
});

test("encodeValue sends a small view of a large buffer without the buffer", () => {
  const view = new Uint8Array(new ArrayBuffer(1_000_000), 500, 3);

  const { bytes, parts } = send([view]);

  assert.equal(parts.length, 0);
  assert.equal(bytes.length, 7);
});

test("encodeValue keeps the buffer that views of a message share, and only the stretch they look at", () => {
  const buffer = new ArrayBuffer(100_000);
  const one = new Uint8Array(buffer, 40_000, 4);
  const two = new Float64Array(buffer, 40_008, 2);
  one[0] = 9;
  two[1] = 0.5;

  const message = send([one, { two }]);
  const [first, { two: second }] = receive(message) as [Uint8Array, { two: Float64Array }];

  assert.equal(first.buffer, second.buffer);
  assert.deepEqual([first[0], second[1]], [9, 0.5]);
  assert.ok(message.bytes.length < 100);
});

test("encodeValue keeps the buffer that a view and the buffer itself share", () => {
  const buffer = new ArrayBuffer(16);
  const view = new DataView(buffer, 4, 4);

  const [first, second] = roundTrip([view, buffer]) as [DataView, ArrayBuffer];

  assert.equal(first.buffer, second);
  assert.deepEqual([first.byteOffset, first.byteLength, second.byteLength], [4, 4, 16]);
});

test("encodeValue keeps the large buffer that views share in one part", () => {
  const buffer = new ArrayBuffer(200_000);

  const message = send([new Uint8Array(buffer), new Uint16Array(buffer, 2, 1), buffer]);
  const [bytes, words, whole] = receive(message) as [Uint8Array, Uint16Array, ArrayBuffer];

  assert.equal(message.parts.length, 1);
  assert.equal(bytes.buffer, whole);
  assert.equal(words.buffer, whole);
});

test("encodeValue never sends bytes of Node's pool that no Buffer of the message looks at", () => {
  const secret = Buffer.from("a secret of someone else");
  const pool = secret.buffer;
  const views = [
    Buffer.from(pool, 0, 4),
    Buffer.from(pool, pool.byteLength - 4, 4),
    new Uint8Array(pool, 100, 2),
  ];

  const message = send(views);
  const arrived = receive(message);

  assert.equal(message.bytes.includes("secret"), false);
  assertSame(arrived, views);
});

test("encodeValue keeps overlapping Buffers on one buffer", () => {
  const whole = Buffer.from("abcdef");
  const value = [whole.subarray(0, 4), whole.subarray(2, 6)];

  const [first, second] = roundTrip(value) as [Buffer, Buffer];
  first[3] = 0x78;

  assert.equal(second.toString(), "cxef");
});

test("encodeValue accepts nesting up to its bound, on both sides", () => {
  const deepest = chain(MAX_DEPTH);

  const arrived = roundTrip(deepest);

  assertSame(arrived, deepest);
});

test("encodeValue refuses nesting beyond its bound with a path that can be read", () => {
  for (const levels of [MAX_DEPTH + 1, 100_000]) {
    const { path } = refusal(chain(levels));

    assert.match(path, /^args(\.next){12} … (\.next){12}$/);
  }
});

test("encodeValue keeps the original error when reading a value fails", () => {
  const cause = new Error("no");
  const value = {
    list: [
      {
        get broken() {
          throw cause;
        },
      },
    ],
  };

  const error = refusal([value]);

  assert.equal(error.path, "args[0].list[0].broken");
  assert.equal(error.cause, cause);
});

test("encodeValue blames whom it is told to", () => {
  assert.equal(refusal([() => 1]).fault, "caller");
  assert.equal(refusal([() => 1], { fault: "routine" }).fault, "routine");
});

test("encodeValue names the class and the remedy when it refuses an instance", () => {
  class Invoice {}

  const { message } = refusal([new Invoice()]);

  assert.match(message, /portable\(Invoice\)/);
});

test("encodeValue sends a routine as its identity, once", () => {
  const routine = Object.assign(() => 1, { routineId: "app/jobs.ts#add" });

  const [first, second] = roundTrip([routine, { routine }]) as [object, { routine: object }];

  assert.deepEqual(first, {
    resolved: "app/jobs.ts#add",
    module: "file:///jobs.ts",
    generator: false,
    tainted: false,
  });
  assert.equal(second.routine, first);
});

test("encodeValue writes routines as ever, and says of a tainted one that it is, and where", () => {
  const clean = Object.assign(() => 1, { routineId: "a#b" });
  const tainted = Object.assign(() => 1, { routineId: "a#b", tainted: true });

  assert.equal(send(clean).bytes.toString("hex"), "08c90000001515a3612362af66696c653a2f2f2f6a6f62732e7473c2");
  assert.equal(send(tainted).bytes.toString("hex"), "08c90000000519a3612362c2");
  assert.equal(encodeValue([1, { jobs: [tainted, tainted] }], options).tainted, "args[1].jobs[0]");
  assert.equal(encodeValue([clean], options).tainted, undefined);
  assert.equal(refusal([[tainted]], { refuseTainted: true }).path, "args[0][0]");
});

test("decodeValue takes a routine for a tainted one unless it is told that it has come over a local carrier", () => {
  const encoded = {
    ...encodeValue(
      Object.assign(() => 1, { routineId: "a#b" }),
      options,
    ),
  };
  const local = decodeValue(encoded, { references, source: { local: true } });
  const tainted = { resolved: "a#b", module: undefined, generator: false, tainted: true };

  assert.deepEqual(local, { ...tainted, module: "file:///jobs.ts", tainted: false });
  assert.deepEqual(decodeValue(encoded, { references }), tainted);
  assert.deepEqual(decodeValue(encoded, { references, source: { local: false } }), tainted);
  const marked = Object.assign(() => 1, { routineId: "a#b", tainted: true });
  assert.deepEqual(receive(send(marked)), tainted);
  for (const routineId of ["", "/etc/passwd#x", "file:///etc/passwd#x", `${"x".repeat(600)}#y`])
    assert.throws(() => receive(send(Object.assign(() => 1, { routineId, tainted: true }))), PayloadError);
});

test("encodeValue announces each signal once and sends its index", () => {
  const announced: AbortSignal[] = [];
  const { signal } = new AbortController();
  const other = AbortSignal.abort();
  const shared = new ArrayBuffer(8);
  const views = [new Uint8Array(shared, 0, 1), new Uint8Array(shared, 1, 1)];
  const signals = { add: (added: AbortSignal) => announced.push(added) - 1 };

  const message = messageOf(encodeValue([{ signal }, other, signal, views], { ...options, signals }));
  const arriving = announced.map(() => new AbortController().signal);
  const [first, second, third] = receive(message, { get: (index) => arriving[index] as AbortSignal }) as [
    { signal: AbortSignal },
    AbortSignal,
    AbortSignal,
  ];

  assert.deepEqual(announced, [signal, other]);
  assert.deepEqual([first.signal, second, third], [arriving[0], arriving[1], arriving[0]]);
});

test("encodeValue sends a signal of another realm or a polyfill as a signal", () => {
  class ForeignSignal {
    readonly aborted = false;
    addEventListener(): void {}
    removeEventListener(): void {}
  }
  const foreign = new ForeignSignal();
  const announced: unknown[] = [];
  const signals = { add: (added: AbortSignal) => announced.push(added) - 1 };

  const message = messageOf(encodeValue([foreign], { ...options, signals }));
  const arriving = new AbortController().signal;

  assert.deepEqual(receive(message, { get: () => arriving }), [arriving]);
  assert.deepEqual(announced, [foreign]);
});

test("encodeValue refuses credentials, with what to do instead, and quotes none of them", () => {
  const { ca, cert, key } = createAuthority().issue();
  const credentials = WorkerCredentials.fromPem({ ca, cert, key });

  const { message, path } = refusal([{ credentials }]);

  assert.equal(path, "args[0].credentials");
  assert.match(message, /credentials, which never leave their process; give them to the pool or the worker/);
  assert.ok(!message.includes("BEGIN"));
});

test("encodeValue refuses a signal where none may be", () => {
  assert.equal(refusal([{ signal: AbortSignal.abort() }]).path, "args[0].signal");
});

test("encodeValue refuses an instance that its own [encode] result contains", () => {
  const inner = Object.assign(new Point(1, 2), { held: undefined as unknown });
  class Loop {}
  const portable = {
    id: "t#Loop",
    constructor: Loop,
    encode: (value: object) => [value],
    decode: () => new Loop(),
  };
  inner.held = new Loop();

  assert.throws(
    () =>
      encodeValue([inner], {
        ...options,
        references: {
          ...references,
          portableByPrototype: (p) => (p === Loop.prototype ? portable : references.portableByPrototype(p)),
        },
      }),
    { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "args[0].held[Symbol(merino.encode)][0]" },
  );
});

test("encodeValue gives one instance with hooks one identity", () => {
  const money = new Money(5n);

  const [first, second] = roundTrip([money, money]) as [Money, Money];

  assert.equal(first, second);
  assert.equal(first.cents, 5n);
});

test("encodeValue is not taken in by objects that imitate built-in ones", () => {
  const imitations = [
    Object.create(Map.prototype) as unknown,
    Object.create(Date.prototype) as unknown,
    Object.create(Uint8Array.prototype) as unknown,
    Object.create(URL.prototype) as unknown,
    runInNewContext("Object.create(Set.prototype)") as unknown,
  ];

  for (const imitation of imitations) assert.equal(refusal([imitation]).path, "args[0]");
});

test("encodeValue writes a long value over the one before it where both say that they may be, and over no other", () => {
  const long = (letter: string) => letter.repeat(200_000);
  const overwritten = { ...options, textUnits: true, overwrites: true };
  const textOf = ({ bytes, start, end }: Encoded) =>
    Buffer.from(bytes).toString("latin1", end - 200_000, end) + start;
  const kept = { ...encodeValue(long("a"), { ...options, textUnits: true }) };
  const first = { ...encodeValue(long("b"), overwritten) };
  const short = { ...encodeValue("c", overwritten) };
  const other = { ...encodeValue(long("d"), { ...options, textUnits: true }) };
  const firstText = textOf(first);

  const second = { ...encodeValue(long("e"), overwritten) };
  const nested = {
    ...encodeValue(
      {
        get text() {
          return textOf(encodeValue(long("f"), overwritten));
        },
      },
      options,
    ),
  };

  assert.equal(firstText, `${long("b")}${first.start}`);
  assert.equal(second.bytes.buffer, first.bytes.buffer);
  assert.equal(textOf(second), `${long("e")}${second.start}`);
  assert.equal(textOf(kept), `${long("a")}${kept.start}`);
  assert.equal(textOf(other), `${long("d")}${other.start}`);
  assert.equal(decodeValue({ ...short }, { references }), "c");
  assert.deepEqual(decodeValue({ ...nested }, { references, source: { local: true } }), {
    text: `${long("f")}0`,
  });
});

test("encodeValue keeps no memory for values that are longer than most", () => {
  const overwritten = { ...options, textUnits: true, overwrites: true };

  const first = { ...encodeValue("a".repeat(5_000_000), overwritten) };
  const second = { ...encodeValue("b".repeat(5_000_000), overwritten) };

  assert.notEqual(second.bytes.buffer, first.bytes.buffer);
});

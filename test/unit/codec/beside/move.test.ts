/** Marks of `move()`, and the objects that pass between threads, as the encoder and the decoder treat them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import type { Attachments } from "../../../../src/codec/beside/attachments.ts";
import { claim, lend, unclaim, unlend } from "../../../../src/codec/beside/claims.ts";
import { move } from "../../../../src/codec/beside/move.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeThrown, encodeValue } from "../../../../src/codec/encode/encoder.ts";
import type { Encoded } from "../../../../src/codec/encoded.ts";
import { processReferences as references } from "../../../../src/routine/process-references.ts";

const LOCAL = { local: true };

function encode(
  value: unknown,
  options: { readonly attaches?: boolean; readonly moves?: true | string } = {},
) {
  const { attaches = true, moves = true } = options;
  return { ...encodeValue(value, { root: "args", references, attaches, moves }) };
}

function besideOf(encoded: Encoded): Attachments {
  return encoded.beside as Attachments;
}

function refuses(run: () => unknown, path: string, about: RegExp): void {
  assert.throws(run, (error: { code?: unknown; path?: unknown; message: string }) => {
    assert.equal(error.code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal(error.path, path);
    assert.match(error.message, about);
    return true;
  });
}

test("move refuses at once what cannot be moved, and says what to do", () => {
  for (const [value, advice] of [
    [new SharedArrayBuffer(8), /without move\(\)/],
    [new Uint8Array(new SharedArrayBuffer(8)), /without move\(\)/],
    [{ a: 1 }, /leave move\(\) out/],
    ["text", /leave move\(\) out/],
    [null, /leave move\(\) out/],
    [new Blob([]), /leave move\(\) out/],
    [move(new Uint8Array(1)), /leave move\(\) out/],
  ] as const) {
    assert.throws(
      () => move(value as never),
      (error: { code?: unknown; message: string }) => {
        assert.equal(error.code, "ERR_MERINO_INVALID_OPTION");
        assert.match(error.message, advice);
        return true;
      },
    );
  }
});

test("a marked buffer is encoded as itself, and is still there afterwards", () => {
  const bytes = Uint8Array.of(1, 2, 3);

  const encoded = encode({ deep: [move(bytes)] });
  const value = decodeValue(encoded, { references, source: LOCAL });

  assert.deepEqual(value, { deep: [bytes] });
  assert.deepEqual(besideOf(encoded).moved, [bytes.buffer]);
  assert.equal(bytes.length, 3);
});

test("a buffer that is marked twice in one message, or once and not once, moves once and arrives as one", () => {
  const bytes = new Uint8Array(8);

  const encoded = encode([move(bytes), bytes, move(bytes), move(bytes.buffer)]);
  const value = decodeValue(encoded, { references, source: LOCAL }) as Uint8Array[];

  assert.deepEqual(besideOf(encoded).moved, [bytes.buffer]);
  assert.equal(value[0], value[1]);
  assert.equal(value[0], value[2]);
  assert.equal(value[0]?.buffer, value[3] as never);
});

test("a refusal beside a mark leaves the buffer where it is", () => {
  const bytes = new Uint8Array(8);

  refuses(() => encode([move(bytes), () => {}]), "args[1]", /function/);

  assert.equal(bytes.length, 8);
  assert.equal(encode([move(bytes)]).parts.length, 0);
});

test("a mark is refused where nothing can be moved", () => {
  refuses(() => encode([move(new Uint8Array(1))], { moves: "it stays" }), "args[0]", /it stays/);
});

test("what is thrown carries no objects: a text takes their place", () => {
  const error = Object.assign(new Error("failed"), { memory: new SharedArrayBuffer(8), kept: 1 });

  const encoded = encodeThrown(error, { root: "error", references });
  const arrived = decodeValue(encoded, { references, source: LOCAL }) as typeof error;

  assert.equal(encoded.beside, undefined);
  assert.equal(arrived.kept, 1);
  assert.match(String(arrived.memory), /^\[not sent: .*SharedArrayBuffer/);
});

test("an error among the values takes objects along", () => {
  const memory = new SharedArrayBuffer(8);
  const error = Object.assign(new Error("failed"), { memory, bad: () => {} });

  const encoded = encode([error]);
  const { objects } = besideOf(encoded);
  const [arrived] = decodeValue({ ...encoded, attachments: objects }, { references, source: LOCAL }) as [
    typeof error,
  ];

  assert.deepEqual(objects, [memory]);
  assert.equal(arrived.memory, memory);
  assert.match(String(arrived.bad), /^\[not sent/);
});

test("an object goes beside the message once, and every mention of it arrives as one", () => {
  const memory = new SharedArrayBuffer(16);
  const view = new Int32Array(memory, 4, 2);

  const encoded = encode([memory, memory, view, new Uint8Array(memory)]);
  const { objects, path } = besideOf(encoded);
  const value = decodeValue({ ...encoded, attachments: objects }, { references, source: LOCAL });

  assert.deepEqual(objects, [memory]);
  assert.equal(path, "args[0]");
  const [one, other, ints, bytes] = value as [SharedArrayBuffer, SharedArrayBuffer, Int32Array, Uint8Array];
  assert.equal(one, memory);
  assert.equal(other, memory);
  assert.deepEqual([ints.buffer, ints.byteOffset, ints.length], [memory, 4, 2]);
  assert.equal(bytes.buffer, memory);
});

test("an object is refused where no thread can be, by its path and with what to do instead", () => {
  refuses(() => encode([new SharedArrayBuffer(8)], { attaches: false }), "args[0]", /send a copy/);
  refuses(
    () => encode([{ view: new Uint8Array(new SharedArrayBuffer(8)) }], { attaches: false }),
    "args[0].view",
    /view\.slice/,
  );
  refuses(() => encode([move(new ReadableStream())], { attaches: false }), "args[0]", /worker: "thread"/);
});

test("an object with one owner is refused without a mark, which the message names", () => {
  const { port1 } = new MessageChannel();
  port1.close();

  for (const value of [port1, new ReadableStream(), new WritableStream(), new TransformStream()]) {
    refuses(() => encode([value]), "args[0]", /move\(value\)/);
  }
});

test("an instance of a subclass is no object that passes: it would not arrive as itself", () => {
  class Mine extends Blob {}

  refuses(() => encode([new Mine([])]), "args[0]", /Mine/);
  refuses(() => encode([Object.assign(new Blob([]), { extra: 1 })]), "args[0]", /field of its own/);
});

test("a view of a view's memory that another call is about to give away is refused", () => {
  const bytes = new Uint8Array(8);
  const objects = [bytes.buffer];
  claim(objects);
  try {
    refuses(() => encode([bytes]), "args[0]", /going to move it/);
    refuses(() => encode([move(bytes)]), "args[0]", /going to move it/);
  } finally {
    unclaim(objects);
  }
  assert.equal(encode([bytes]).beside, undefined);
});

test("memory that another call is being sent from cannot be moved until it has been", () => {
  const bytes = new Uint8Array(8);
  const [one, other] = [[bytes.buffer], [bytes.buffer]];
  lend(one);
  lend(other);
  unlend(one);
  try {
    refuses(() => encode([move(bytes)]), "args[0]", /copy: true/);
    assert.equal(encode([bytes]).beside, undefined);
  } finally {
    unlend(other);
  }
  assert.equal(besideOf(encode([move(bytes)])).moved.length, 1);
});

test("a payload that names an object which has not come with it is malformed, from whomever it comes", () => {
  const encoded = encode([new SharedArrayBuffer(8)]);

  for (const source of [LOCAL, { local: false }]) {
    assert.throws(() => decodeValue({ ...encoded, attachments: undefined }, { references, source }), {
      code: "ERR_MERINO_BAD_PAYLOAD",
      malformed: true,
    });
  }
});

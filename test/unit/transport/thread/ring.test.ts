/** The ring against a model of it: a queue of records that is bounded in bytes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { startThread } from "../../../../src/internal/start-thread.ts";
import {
  createRingMemory,
  MAX_RECORD_BYTES,
  RingReader,
  RingWriter,
} from "../../../../src/transport/thread/ring.ts";

const FRONT = 4;
/** What a ring holds. */
const CAPACITY = 256 * 1024;
const HEAD = 8;

interface Ring {
  readonly writer: RingWriter;
  readonly reader: RingReader;
}

function openRing(counted = 0): Ring {
  const memory = createRingMemory(counted);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

/** Bytes that tell one place and one record from another, after bytes that are not theirs. */
function content(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(FRONT + length, 0xee);
  for (let at = 0; at < length; at++) bytes[FRONT + at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff;
  return bytes;
}

/** Bytes of the ring that a record of this length takes. */
function taken(length: number): number {
  return Math.ceil((length + HEAD) / 8) * 8;
}

function readAll(
  reader: RingReader,
): { readonly bytes: string; readonly note: number; readonly marks: boolean }[] {
  const records = [];
  reader.look();
  while (reader.next()) {
    const bytes = reader.marks ? "" : reader.bytes.toString("latin1", 0, reader.length);
    records.push({ bytes, note: reader.note, marks: reader.marks });
  }
  return records;
}

test("a ring hands out what was written, with its notes and marks, in order", () => {
  const { writer, reader } = openRing();

  writer.write(Buffer.from("....one"), 4, undefined, 7);
  writer.write(Buffer.from("....two"), 4, Buffer.from(" halves"), -8);
  writer.mark(9);
  writer.write(Buffer.from("...."), 4, undefined, 2 ** 31 - 1);

  assert.equal(reader.pending, true);
  assert.deepEqual(readAll(reader), [
    { bytes: "one", note: 7, marks: false },
    { bytes: "two halves", note: -8, marks: false },
    { bytes: "", note: 9, marks: true },
    { bytes: "", note: 2 ** 31 - 1, marks: false },
  ]);
  assert.equal(reader.pending, false);
});

test("a ring shows its reader only what was there when it last looked", () => {
  const { writer, reader } = openRing();
  writer.write(content(1, 1), FRONT, undefined, 1);
  reader.look();
  writer.write(content(1, 2), FRONT, undefined, 2);

  assert.deepEqual([reader.next(), reader.note, reader.next()], [true, 1, false]);
  assert.equal(reader.pending, true);
});

type Step =
  | { readonly do: "write"; readonly lengths: readonly [number, number] }
  | { readonly do: "mark" | "read" | "release" | "await" };

const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: MAX_RECORD_BYTES / 2 }) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("write" as const), lengths: fc.tuple(length, length) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "mark" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "read" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "release" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "await" as const }) },
);

/** A multiple of eight near where the counts of a ring begin anew, or anywhere. */
const counted = fc.oneof(
  fc.integer({ min: -(2 ** 28), max: 2 ** 28 - 1 }).map((eights) => eights * 8),
  fc.integer({ min: 1, max: 100_000 }).map((eights) => 2 ** 31 - eights * 8),
);

test("a ring behaves as a bounded queue, whatever the writer and the reader do, and wherever its counts begin", () => {
  fc.assert(
    fc.property(counted, fc.array(step, { maxLength: 120 }), (start, steps) => {
      const { writer, reader } = openRing(start);
      const unread: { readonly bytes: Buffer; readonly note: number }[] = [];
      let sequence = 0;
      let unreleased = 0; // bytes read, and still the reader's
      let inRing = 0; // bytes that the writer may not overwrite
      let awaits: number | undefined; // so many bytes are to be released before the writer is told
      for (const next of steps) {
        if (next.do === "write") {
          const [first, second] = next.lengths;
          sequence += 1;
          const bytes = content(first, sequence);
          const rest = second === 0 ? undefined : content(second, sequence).subarray(FRONT);
          const size = taken(first + second);
          const written = writer.write(bytes, FRONT, rest, sequence);
          assert.equal(written, inRing + size <= CAPACITY);
          if (!written) continue;
          inRing += size;
          const all =
            rest === undefined ? bytes.subarray(FRONT) : Buffer.concat([bytes.subarray(FRONT), rest]);
          unread.push({ bytes: all, note: sequence });
        } else if (next.do === "mark") {
          if (!writer.fits(0)) continue;
          sequence += 1;
          writer.mark(sequence);
          inRing += HEAD;
          unread.push({ bytes: Buffer.alloc(0), note: sequence });
        } else if (next.do === "read") {
          reader.look();
          assert.equal(reader.next(), unread.length > 0);
          const expected = unread.shift();
          if (expected === undefined) continue;
          assert.equal(reader.note, expected.note);
          assert.ok(reader.marks || reader.bytes.subarray(0, reader.length).equals(expected.bytes));
          unreleased += reader.marks ? HEAD : taken(reader.length);
        } else if (next.do === "release") {
          inRing -= unreleased;
          if (awaits !== undefined) awaits -= unreleased;
          unreleased = 0;
          const wakes = reader.release();
          assert.equal(wakes, awaits !== undefined && awaits <= 0);
          if (wakes) awaits = undefined;
          assert.equal(writer.answered, awaits === undefined);
        } else if (awaits === undefined) {
          awaits = inRing - CAPACITY / 2;
          const answered = writer.awaitReader(writer.halfReadAt);
          assert.equal(answered, awaits <= 0);
          if (answered) awaits = undefined;
        }
        assert.equal(reader.pending, unread.length > 0);
      }
    }),
    { numRuns: 300 },
  );
});

test("a ring of which half has been read has room for the largest record, wherever that begins", () => {
  for (let start = 0; start < CAPACITY; start += 40_008) {
    const { writer, reader } = openRing(start);
    while (writer.write(content(1_000, 1), FRONT, undefined, 0));
    let before = 0;
    while (!writer.awaitReader(writer.halfReadAt) && before < 1_000) {
      reader.look();
      reader.next();
      if (reader.release()) break;
      before += 1;
    }

    assert.equal(writer.write(content(MAX_RECORD_BYTES, 2), FRONT, undefined, 1), true);
    assert.ok(before > 10);
  }
});

test("a ring carries between two threads what one writes faster than the other reads", async () => {
  const memory = createRingMemory(2 ** 31 - 80_000);
  const count = 100_000;
  const reader = new RingReader(memory);
  const entry = new URL("./fixtures/ring-writer.ts", import.meta.url);
  const thread = startThread(entry, { workerData: { memory, count } });
  const exited = once(thread, "exit");
  let next = 0;

  while (next < count) {
    reader.look();
    while (reader.next()) {
      const length = next % 1_000 === 0 ? 60_000 : next % 257;
      assert.deepEqual([reader.note, reader.length], [next, length]);
      for (const at of [0, length >> 1, length - 1])
        if (length > 0) assert.equal(reader.bytes[at], next & 0xff);
      next += 1;
    }
    reader.release();
    await new Promise(setImmediate);
  }

  assert.deepEqual(await exited, [0]);
  assert.equal(reader.pending, false);
});

/** The reader against the generated bindings, and what it makes of bytes that are not as they should be. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { TraceOfIds } from "../../../../src/telemetry/trace-of-ids.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { BatchSchema } from "../../../../src/wire/gen/wire_pb.ts";
import { headOf, payloadOf } from "../../../support/protocol-peers.ts";
import { anyFrame, bindBatch, readBatch } from "../frame-model.ts";
import { scramble } from "../scramble.ts";

const { HEADROOM } = BatchWriter;

/** Puts bytes given in hex into a frame, and the frame into a batch. */
function frame(hex: string): Uint8Array {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes]);
}

function readOne(bytes: Uint8Array): BatchReader {
  const reader = new BatchReader();
  reader.reset(bytes, 0, bytes.length);
  assert.equal(reader.next(), true);
  return reader;
}

test("BatchReader reads what the bindings write", () => {
  const reader = new BatchReader();
  fc.assert(
    fc.property(fc.array(anyFrame(), { maxLength: 6 }), fc.nat(9), (frames, offset) => {
      const batch = toBinary(BatchSchema, bindBatch(frames));
      const bytes = new Uint8Array(offset + batch.length + 5).fill(0xff);
      bytes.set(batch, offset);

      const read = readBatch(reader, bytes, offset, offset + batch.length);

      assert.deepEqual(read, frames);
    }),
    { numRuns: 400 },
  );
});

test("BatchReader reads the same from any other encoding of the message", () => {
  const reader = new BatchReader();
  fc.assert(
    fc.property(fc.array(anyFrame(), { maxLength: 3 }), fc.infiniteStream(fc.nat()), (frames, numbers) => {
      const draw = (below: number) => (numbers.next().value as number) % below;
      const batch = scramble(BatchSchema, toBinary(BatchSchema, bindBatch(frames)), draw);

      const read = readBatch(reader, batch);

      assert.deepEqual(read, frames);
    }),
    { numRuns: 400 },
  );
});

test("BatchReader reads frames with unknown content as Unknown, with their stream", () => {
  const cases = {
    "a frame of nothing": ["", 0],
    "a stream of nothing": ["08 05", 5],
    "an unknown body": ["08 05 a2 06 01 00", 5],
    "an empty request": ["08 05 12 00", 5],
    "an unknown request": ["08 05 12 04 c2 3e 01 00", 5],
    "an unknown response": ["08 05 1a 03 c0 3e 01", 5],
    "a response that has only a context": ["08 05 1a 02 2a 00", 5],
  } satisfies Record<string, [string, number]>;

  for (const [name, [hex, stream]] of Object.entries(cases)) {
    const reader = readOne(frame(hex));

    assert.deepEqual([reader.kind, reader.stream], [FrameKind.Unknown, stream], name);
    assert.equal(reader.next(), false, name);
  }
});

test("BatchReader marks a broken frame and reads on behind it", () => {
  const cases: Record<string, [hex: string, stream: number]> = {
    "a body longer than its frame": ["08 05 12 7f", 5],
    "a body of the wrong wire type": ["08 05 10 01", 5],
    "a stream of the wrong wire type": ["0a 00", 0],
    "a stream above 2^32 - 1": ["08 80 80 80 80 10 12 02 12 00", 0],
    "a stream that comes after the broken body": ["12 02 12 05 08 05", 5],
    "two bodies": ["08 05 12 02 12 00 1a 02 12 00", 5],
    "the same body twice": ["08 05 12 02 12 00 12 02 12 00", 5],
    "two steps": ["08 05 12 04 12 00 1a 00", 5],
    "a task that occurs twice": ["08 05 12 04 0a 00 0a 00", 5],
    "a step of the wrong wire type": ["08 05 12 02 10 00", 5],
    "a message longer than its frame": ["08 05 12 02 1a 01", 5],
    "a dump longer than its message": ["08 05 12 04 1a 02 0a 01", 5],
    "a dump of the wrong wire type": ["08 05 12 04 1a 02 08 01", 5],
    "parts of the wrong wire type": ["08 05 12 05 1a 03 a2 06 00", 5],
    "two reasons": ["08 05 12 07 aa 06 04 0a 00 0a 00", 5],
    "a group": ["08 05 0b 0c", 5],
    "a wire type of 6": ["08 05 a6 06", 5],
    "a field number of 0": ["08 05 00 00", 5],
    "a number of eleven bytes": ["08 05 12 0e 0a 0c c0 06 80 80 80 80 80 80 80 80 80 01", 5],
    "a number that is cut off": ["08 05 12 03 b0 06 80", 5],
    "a budget above 2^53 - 1": ["08 05 12 0c 0a 0a a8 06 80 80 80 80 80 80 80 10", 5],
    "a tag that is not UTF-8": ["08 05 12 05 0a 03 22 01 ff", 5],
    "a routine that is not UTF-8": ["08 05 12 05 0a 03 3a 01 80", 5],
    "a caller that is not UTF-8": ["08 05 12 08 0a 06 f2 06 03 12 01 ff", 5],
    "trace context that is not UTF-8": ["08 05 12 08 0a 06 da 06 03 12 01 ff", 5],
    "a surrogate in UTF-8": ["08 05 12 07 0a 05 22 03 ed a0 80", 5],
    "an unknown field that is cut off": ["08 05 12 04 12 00 a1 06", 5],
    "a chunk with broken data": ["08 05 3a 02 1a 01", 5],
    "a ping with a broken token": ["4a 01 08", 0],
  };

  for (const [name, [hex, stream]] of Object.entries(cases)) {
    const reader = readOne(Buffer.concat([frame(hex), frame("08 09 12 02 12 00")]));

    assert.deepEqual([reader.kind, reader.stream], [FrameKind.Malformed, stream], name);
    assert.notEqual(reader.problem, "", name);
    assert.deepEqual([reader.payload.end, reader.payload.parts, reader.task.routineRef], [0, 0, 0], name);
    assert.deepEqual(
      [reader.task.tag(), reader.task.callable(), reader.task.callers(), reader.task.trace()],
      new Array(4).fill(undefined),
      name,
    );
    assert.equal(reader.next(), true, name);
    assert.deepEqual([reader.kind, reader.stream, reader.problem], [FrameKind.Next, 9, ""], name);
    assert.equal(reader.next(), false, name);
  }
});

test("BatchReader throws where the next frame's beginning is lost", () => {
  const cases = {
    "a frame longer than the batch": "0a 05 08 01",
    "a frame's length cut off": "0a 80",
    "a frame of the wrong wire type": "08 01",
    "a group": "13 14",
    "a field number of 0": "02 00",
    "a tag of more than 32 bits": "8a 80 80 80 10 00",
    "a tag of eleven bytes": "8a 80 80 80 80 80 80 80 80 80 00",
    "an unknown field that is cut off": "12 09 00",
    "a length of 2^63": "0a 80 80 80 80 80 80 80 80 80 01",
  };

  for (const [name, hex] of Object.entries(cases)) {
    const reader = new BatchReader();
    const bytes = Buffer.concat([frame("08 09 12 02 12 00"), Buffer.from(hex.replaceAll(" ", ""), "hex")]);
    reader.reset(bytes, 0, bytes.length);

    assert.equal(reader.next(), true, name);
    assert.equal(reader.kind, FrameKind.Next, name);
    assert.throws(() => reader.next(), { code: "ERR_MERINO_PROTOCOL" }, name);
    assert.equal(reader.next(), false, name);
  }
});

test("BatchReader throws from the accessors of frames whose content is malformed", () => {
  const cases: [hex: string, read: (reader: BatchReader) => unknown][] = [
    ["22 03 12 01 ff", (reader) => reader.hello()],
    ["22 04 3a 02 08 80", (reader) => reader.hello()],
    ["22 03 32 01 80", (reader) => reader.hello()],
    ["22 02 0a 00", (reader) => reader.hello()],
    ["2a 03 1a 01 ff", (reader) => reader.goAway()],
    ["42 02 1a 01", (reader) => reader.define()],
    ["08 05 5a 03 12 01 ff", (reader) => reader.resetInfo()],
    ["08 05 1a 05 0a 03 0a 01 ff", (reader) => reader.ack()],
    ["08 05 1a 06 0a 04 aa 06 01 ff", (reader) => reader.ack()],
    ["08 05 1a 06 12 04 a2 06 01 ff", (reader) => reader.nack()],
  ];

  for (const [hex, read] of cases) {
    assert.throws(() => read(readOne(frame(hex))), { code: "ERR_MERINO_PROTOCOL" }, hex);
  }
});

test("BatchReader refuses to decode a frame as another kind", () => {
  const reader = readOne(frame("08 05 12 02 12 00"));

  for (const accessor of ["hello", "goAway", "nack", "ack", "define", "resetInfo"] as const) {
    assert.throws(() => reader[accessor](), { code: "ERR_MERINO_PROTOCOL" }, accessor);
  }
});

test("BatchReader takes a code that no enum can hold for an unspecified one", () => {
  const negative = readOne(frame("08 05 5a 0b 08 ff ff ff ff ff ff ff ff ff 01"));
  const unknown = readOne(frame("08 05 5a 02 08 63"));

  assert.equal(negative.resetInfo().code, 0);
  assert.equal(unknown.resetInfo().code, 99);
});

test("BatchReader carries nothing over from one frame to the next", () => {
  const reader = new BatchReader();
  const blank = readOne(frame("08 01 12 02 0a 00"));
  fc.assert(
    fc.property(anyFrame(), (model) => {
      const batch = Buffer.concat([toBinary(BatchSchema, bindBatch([model])), frame("08 01 12 02 0a 00")]);
      reader.reset(batch, 0, batch.length);

      reader.next();
      reader.next();

      assert.deepEqual({ ...reader, bytes: 0 }, { ...blank, bytes: 0 });
      assert.deepEqual(
        [
          reader.task.routineRef,
          reader.task.proxyRef,
          reader.task.flags,
          reader.task.budgetUs,
          reader.task.credit,
        ],
        new Array(5).fill(0),
      );
      assert.deepEqual(
        [
          reader.task.tag(),
          reader.task.callable(),
          reader.task.callers(),
          reader.task.trace(),
          reader.task.codec(),
          reader.task.version(),
        ],
        new Array(6).fill(undefined),
      );
    }),
  );
});

test("BatchReader gives version and codec of a task whose sender states them", () => {
  const reader = readOne(frame("08 05 12 0e 0a 0c 0a 03 30 2e 31 a2 06 04 6a 73 6f 6e"));

  assert.deepEqual([reader.task.version(), reader.task.codec()], ["0.1", "json"]);
});

test("BatchReader gives a Define's value as a copy", () => {
  const writer = new BatchWriter();
  writer.define({ kind: 1, index: 2, value: Uint8Array.of(1, 2, 3), location: "" });
  const batch = writer.take();
  const reader = new BatchReader();
  reader.reset(batch, HEADROOM, batch.length);
  reader.next();

  const { value } = reader.define();
  batch.fill(0xff);

  assert.deepEqual([...value], [1, 2, 3]);
});

test("BatchReader keeps of two trace entries of one name the last", () => {
  const reader = readOne(frame("08 05 12 14 0a 12 da 06 06 0a 01 61 12 01 78 da 06 06 0a 01 61 12 01 79"));

  assert.deepEqual(reader.task.trace(), new Map([["a", "y"]]));
});

describe("the trace context of a task that a peer has sent", () => {
  const read = (trace: ReadonlyMap<string, string>) => {
    const writer = new BatchWriter();
    writer.task(1, headOf({ callable: "a", trace }), payloadOf([]));
    const batch = writer.take();
    const reader = new BatchReader();
    reader.reset(batch, HEADROOM, batch.length);
    reader.next();
    return reader.task.trace();
  };

  test("has 32 fields at most", () => {
    const many = new Map(Array.from({ length: 40 }, (_, at): [string, string] => [`f${at}`, "x"]));

    assert.deepEqual([...(read(many) ?? [])], [...many].slice(0, 32));
  });

  test("has 8 KiB at most", () => {
    const large = new Map([
      ["traceparent", "00"],
      ["baggage", "x".repeat(8_200)],
      ["tracestate", "y"],
    ]);

    assert.deepEqual(read(large), new Map([["traceparent", "00"]]));
  });

  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  test("is its ids where it has nothing else, and is passed on as it came", () => {
    const fields = new Map([["traceparent", parent]]);
    const bytesOf = (trace: ReadonlyMap<string, string>): Buffer => {
      const writer = new BatchWriter();
      writer.task(1, headOf({ callable: "a", trace }), payloadOf([]));
      return Buffer.from(writer.take().subarray(HEADROOM));
    };

    const ids = read(fields);

    assert.ok(ids instanceof TraceOfIds);
    assert.deepEqual(new Map(ids), fields);
    const [, traceId = "", spanId = ""] = parent.split("-");
    for (const same of [ids, TraceOfIds.of(traceId, spanId, 1)]) {
      assert.deepEqual(bytesOf(same ?? new Map()), bytesOf(fields));
    }
  });

  test("has every field where it has others as well, in whatever order, and texts that are no ids", () => {
    for (const fields of [
      [
        ["traceparent", parent],
        ["baggage", "a=b"],
      ],
      [
        ["baggage", "a=b"],
        ["traceparent", parent],
      ],
      [["traceparent", `${parent}-more`]],
      [["traceparent", parent.replace("00-", "01-")]],
      [["tracedparen", parent]],
    ] as const) {
      assert.deepEqual(read(new Map(fields)), new Map(fields));
    }
  });

  test("is not that of the task before", () => {
    const writer = new BatchWriter();
    for (const trace of [new Map([["traceparent", parent]]), undefined, new Map([["a", "b"]])]) {
      writer.task(1, headOf({ callable: "a", trace }), payloadOf([]));
    }
    const batch = writer.take();
    const reader = new BatchReader();
    reader.reset(batch, HEADROOM, batch.length);

    const traces = Array.from({ length: 3 }, () => {
      reader.next();
      return reader.task.trace();
    });

    assert.deepEqual(
      traces.map((trace) => trace && [...trace]),
      [[["traceparent", parent]], undefined, [["a", "b"]]],
    );
  });

  test("has no fields but those of a header", () => {
    const hostile = new Map([
      ["a\u001b[2J", "x"],
      ["Upper", "x"],
      ["", "x"],
      ["b", "x\r\ny"],
      ["c", "x"],
    ]);

    assert.deepEqual(read(hostile), new Map([["c", "x"]]));
    assert.equal(read(new Map([["", ""]])), undefined);
  });
});

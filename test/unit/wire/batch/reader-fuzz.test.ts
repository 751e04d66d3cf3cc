/**
 * The reader on bytes that somebody has tampered with: whatever they are, it ends, and nothing comes
 * out but frames, Malformed frames and ProtocolErrors.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { type Batch, BatchSchema } from "../../../../src/wire/gen/wire_pb.ts";
import { decodeContextChanges } from "../../../../src/wire/messages/context-changes.ts";
import { anyFrame, bindBatch, readFrame } from "../frame-model.ts";

const BATCHES = 15_000;
const SEED = 20_240_817;

/** A small generator of numbers, so that a failing batch can be found again. */
function createDraw(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const INTERESTING = [0x00, 0x01, 0x07, 0x0a, 0x0b, 0x0c, 0x12, 0x1a, 0x7f, 0x80, 0xc0, 0xff];

function mutate(batch: Uint8Array, draw: (below: number) => number): Uint8Array {
  let bytes = [...batch];
  for (let count = 1 + draw(4); count > 0; count--) {
    const at = draw(bytes.length + 1);
    switch (draw(6)) {
      case 0:
        bytes[at] = draw(256);
        break;
      case 1:
        bytes[at] = INTERESTING[draw(INTERESTING.length)] as number;
        break;
      case 2:
        bytes.splice(at, 1 + draw(4));
        break;
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + draw(11) }, () => 0x80 | draw(128)));
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      default:
        bytes.splice(at, 0, ...bytes.slice(draw(bytes.length + 1), draw(bytes.length + 1)));
    }
  }
  return Uint8Array.from(bytes);
}

test("BatchReader survives tampered batches", () => {
  const draw = createDraw(SEED);
  const frames = fc.sample(anyFrame(), { numRuns: 600, seed: SEED });
  const batches = frames.map((frame, at) =>
    toBinary(BatchSchema, bindBatch([frame, frames[(at * 7 + 1) % frames.length] ?? frame])),
  );
  const reader = new BatchReader();
  const tally = { frames: 0, malformed: 0, unknown: 0, lost: 0, content: 0, agreed: 0 };

  for (let run = 0; run < BATCHES; run++) {
    const bytes = mutate(batches[run % batches.length] as Uint8Array, draw);
    const padded = new Uint8Array(bytes.length + 8);
    padded.set(bytes, 4);
    let intact = true;
    const read: unknown[] = [];
    reader.reset(padded, 4, 4 + bytes.length);
    for (;;) {
      try {
        if (!reader.next()) break;
      } catch (error) {
        assertProtocolError(error, bytes);
        tally.lost++;
        intact = false;
        break;
      }
      const { start, end } = reader.payload;
      assert.ok(start <= end && end <= 4 + bytes.length);
      assert.equal(reader.kind === FrameKind.Malformed, reader.problem !== "");
      if (reader.kind === FrameKind.Malformed) tally.malformed++;
      else if (reader.kind === FrameKind.Unknown) tally.unknown++;
      else tally.frames++;
      try {
        const frame = readFrame(reader);
        if (frame === undefined) intact = false;
        else read.push(frame);
        // The reader passes them on as they are; the bindings look into them, and may get past their end.
        const variables = reader.variables();
        if (variables !== undefined) decodeContextChanges(variables);
      } catch (error) {
        assertProtocolError(error, bytes);
        tally.content++;
        intact = false;
      }
    }
    if (intact && run % 5 === 0) {
      const bound = tryBindings(bytes);
      if (bound !== undefined) {
        assert.equal(bound.frames.length, read.length);
        tally.agreed++;
      }
    }
  }

  assert.ok(
    Object.values(tally).every((count) => count > 40),
    JSON.stringify(tally),
  );
});

/** The bindings' reading; they also refuse bad strings in fields that the reader skips. */
function tryBindings(bytes: Uint8Array): Batch | undefined {
  try {
    return fromBinary(BatchSchema, bytes);
  } catch {
    return undefined;
  }
}

function assertProtocolError(error: unknown, bytes: Uint8Array): void {
  if ((error as { code?: unknown }).code === "ERR_MERINO_PROTOCOL") return;
  throw new Error(`reading ${Buffer.from(bytes).toString("hex")} failed otherwise`, { cause: error });
}

test("BatchReader survives random bytes", () => {
  const reader = new BatchReader();
  let frames = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (content, framed) => {
      const bytes = framed ? Uint8Array.of(0x0a, content.length, ...content) : content;
      reader.reset(bytes, 0, bytes.length);
      try {
        while (reader.next()) {
          frames++;
          readFrame(reader);
        }
      } catch (error) {
        assertProtocolError(error, bytes);
      }
    }),
    { numRuns: 10_000 },
  );

  assert.ok(frames > 1_000);
});

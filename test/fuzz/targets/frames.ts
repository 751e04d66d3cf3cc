/** The readers of batches, of frames and of what is in them, and those that cut a stream of bytes into batches. */

import { GrpcMessageReader } from "../../../src/transport/grpc/message-reader.ts";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import type { MessageKind } from "../../../src/wire/frames.ts";
import { createNack } from "../../../src/wire/messages/nack.ts";
import { headOf, helloWith, payloadFrom } from "../../support/protocol-peers.ts";
import { readFrame } from "../../unit/wire/frame-model.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";
import { anyContextChanges } from "./context.ts";
import { anyPayload } from "./value-grammar.ts";
import { uint } from "./value-tokens.ts";

const MESSAGE_KINDS: readonly MessageKind[] = [
  FrameKind.Send,
  FrameKind.Throw,
  FrameKind.Return,
  FrameKind.Result,
  FrameKind.Exception,
  FrameKind.Done,
  FrameKind.CallerFlow,
  FrameKind.WorkerFlow,
];

/** Streams that inputs use: few, so that frames meet, and the ends of the range. */
function anyStream(random: Random): number {
  return random.oneIn(12) ? random.pick([0, 2 ** 31, 2 ** 32 - 1, 1_000_000]) : 1 + random.small(9);
}

/** Writes one frame of any kind. @param routines Names that tasks call. */
function writeFrame(writer: BatchWriter, random: Random, routines: readonly string[] = ["a.ts#b"]): void {
  const stream = anyStream(random);
  const payload = payloadFrom(random.oneIn(4) ? random.bytes(random.small(20)) : anyPayload(random));
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2: {
      const isReferred = random.oneIn(2);
      return writer.task(
        stream,
        headOf({
          routineRef: isReferred ? 1 + random.small(3) : 0,
          callable: isReferred ? undefined : random.pick(routines),
          flags: random.below(64),
          credit: random.small(20),
          parts: random.oneIn(6) ? random.pick([1, 2, 70_000, 2 ** 32 - 1]) : 0,
          proxyRef: random.small(2),
          budgetUs: random.oneIn(4) ? random.below(2 ** 31) : 0,
          tag: random.oneIn(4) ? "tag" : undefined,
          callers: random.oneIn(6) ? [{ id: "x", routine: "a.ts#c", tag: undefined }] : undefined,
        }),
        payload,
      );
    }
    case 3:
      return writer.next(stream);
    case 4:
    case 5:
      return writer.message(
        stream,
        {
          kind: random.pick(MESSAGE_KINDS),
          parts: random.oneIn(6) ? random.pick([1, 3, 2 ** 32 - 1]) : 0,
          detached: random.oneIn(12),
          bodyUs: random.small(1000),
          variables: random.oneIn(8) ? anyContextChanges(random) : undefined,
          flow: {
            index: random.small(4),
            act: random.below(8),
            number: random.oneIn(6) ? random.below(2 ** 32) : random.small(4),
            taken: random.small(4),
          },
        },
        payload,
      );
    case 6:
      return writer.cancel(stream, payload);
    case 7:
      return writer.credit(stream, random.oneIn(4) ? 2 ** 32 - 1 : random.small(9));
    case 8:
      return writer.signal(stream, random.small(5), payload);
    case 9:
      return random.oneIn(2) ? writer.ack(stream, "0.1.0", "w1") : writer.parked(stream, random.small(1000));
    case 10:
      return writer.nack(stream, createNack(random.below(14), "why"));
    case 11:
      return random.oneIn(8)
        ? writer.hello(helloWith())
        : writer.window(random.oneIn(2) ? 0 : stream, random.below(2 ** 31));
    case 12:
      return random.oneIn(8)
        ? writer.goAway({ lastStream: random.small(9), code: random.below(14), detail: "d", graceMs: 0 })
        : writer.define({
            kind: 1 + random.below(3),
            index: random.oneIn(6) ? random.below(2 ** 32) : 1 + random.small(4),
            value: Buffer.from(random.pick(routines)),
            location: random.oneIn(2) ? "" : "file:///nowhere.ts",
            origin: undefined,
          } as never);
    case 13:
      return random.oneIn(2) ? writer.ping(random.below(100)) : writer.pong(random.below(100));
    case 14:
      return writer.reset(stream, random.below(14), "broken");
    default:
      return writer.next(stream, random.oneIn(2) ? anyContextChanges(random) : undefined);
  }
}

/** Some frames as one batch. */
export function anyBatch(random: Random, routines?: readonly string[]): Buffer {
  const writer = new BatchWriter();
  for (let count = 1 + random.small(5); count > 0; count--) writeFrame(writer, random, routines);
  return Buffer.from(writer.take().subarray(BatchWriter.HEADROOM));
}

const LARGE_BYTES = 65_536;
const reader = new BatchReader();

function readBatch(bytes: Uint8Array): void {
  try {
    reader.reset(bytes, 0, bytes.length);
    while (reader.next()) {
      const { start, end } = reader.payload;
      if (!(start >= 0 && start <= end && end <= bytes.length))
        throw new Error("a payload lies outside of its batch");
      if ((reader.kind === FrameKind.Malformed) !== (reader.problem !== ""))
        throw new Error("a problem without a name");
      if (bytes.length >= LARGE_BYTES) continue; // the model of the tests would cost more than the reader
      try {
        readFrame(reader);
      } catch (error) {
        expectCodes(error, "ERR_MERINO_PROTOCOL");
      }
    }
  } catch (error) {
    expectCodes(error, "ERR_MERINO_PROTOCOL");
  }
}

export const frames: FuzzTarget = {
  name: "frames",
  share: 30,
  make: (random) => (random.oneIn(5) ? anyBatch(random) : mutate(anyBatch(random), random, anyBatch(random))),
  makeLarge(random) {
    const batches: Buffer[] = [];
    for (let length = 0; length < LARGE_BYTES; length += batches.at(-1)?.length ?? 0) {
      const few = random.oneIn(2) ? (batches.at(-1) ?? anyBatch(random)) : anyBatch(random);
      batches.push(few.length === 0 ? Buffer.of(0x0a, 0) : few);
    }
    return Buffer.concat(batches);
  },
  run: readBatch,
};

export const grpcMessages: FuzzTarget = {
  name: "gRPC messages",
  share: 3,
  make(random) {
    const pieces: Buffer[] = [];
    for (let count = 1 + random.small(4); count > 0; count--) {
      const message = random.bytes(random.small(40));
      const length = random.oneIn(10) ? random.below(2 ** 32) : message.length;
      pieces.push(Buffer.of(random.oneIn(10) ? random.below(256) : 0), uint(length, 4), message);
    }
    return Buffer.concat(pieces);
  },
  run(bytes) {
    // Cut at places that the bytes themselves name, so that the input says everything.
    let read = 0;
    const cut = new GrpcMessageReader(64, (_bytes, start, end) => {
      if (start > end) throw new Error("a message ends before it begins");
      read += end - start;
    });
    try {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + ((bytes[at] as number) % 17);
        cut.read(Buffer.from(bytes.subarray(at, at + size)));
        at += size;
      }
    } catch (error) {
      expectCodes(error, "ERR_MERINO_PROTOCOL");
    }
    if (read > bytes.length) throw new Error("more was read than came");
  },
};

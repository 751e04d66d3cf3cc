/** Attacks of a worker on its callers: what it answers to a call, again and again for as long as the caller takes it. */
import { encodeThrown } from "../../../src/codec/encode/encoder.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import type { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { FlowAct, type FlowHead } from "../../../src/wire/messages/flow.ts";
import { createNack } from "../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { NO_PAYLOAD, type Payload } from "../../../src/wire/payload.ts";
import { encodeChunkHead } from "../chunk-head.ts";
import { batchOf, messageHead, payloadFrom, payloadOf } from "../protocol-peers.ts";
import { anIterable, flowHead, flowValue } from "./flow-values.ts";
import { keptArguments } from "./kept-arguments.ts";
import { HOSTILE_TEXT } from "./text.ts";

const MIB = 1024 * 1024;
const HEADROOM = 4;

/** One attack. */
export interface WorkerAttack {
  /** What the caller calls. */
  readonly call: "function" | "flows" | "generator" | "prefetching generator";
  /** The batch number `turn`, from 1, that follows the task on `stream`; it may be for other streams as well. */
  readonly batch: (stream: number, turn: number) => Uint8Array;
  /** How many batches follow one task at most. Default: all that the caller takes. */
  readonly turns?: number;
}

function frames(write: (writer: BatchWriter, stream: number, turn: number) => void): WorkerAttack["batch"] {
  return (stream, turn) => batchOf((writer) => write(writer, stream, turn));
}

/** Speaks of the flows of a call. @param flow The frame number `n`, from 1. */
function flows(
  count: number,
  flow: (n: number) => readonly [head: FlowHead, payload: Payload],
): WorkerAttack["batch"] {
  return frames((writer, stream, turn) => {
    for (let n = 0; n < count; n++) {
      const [head, payload] = flow((turn - 1) * count + n + 1);
      writer.message(stream, messageHead(FrameKind.WorkerFlow, { flow: head }), payload);
    }
  });
}

/** Ends each call with the same value. */
function ending(make: () => Payload): WorkerAttack["batch"] {
  let payload: Payload | undefined;
  return frames((writer, stream) => {
    payload ??= make();
    writer.message(stream, messageHead(FrameKind.Done), payload);
  });
}

function thrown(): Payload {
  const error = new TypeError(HOSTILE_TEXT);
  error.stack = `TypeError: ${HOSTILE_TEXT}\n    at ${HOSTILE_TEXT}\n    at [${HOSTILE_TEXT}]`;
  const { bytes, start, end } = encodeThrown(error, { root: "error", references: processReferences });
  return payloadFrom(Buffer.from(bytes.subarray(start, end)));
}

/** The attacks, by what they consist of. */
export const WORKER_ATTACKS: Readonly<Record<string, WorkerAttack>> = {
  "at a caller: definitions": {
    call: "function",
    batch: frames((writer, _, turn) => {
      for (let n = 0; n < 64; n++)
        writer.define({
          kind: n % 2 === 0 ? 1 : 7 + n,
          index: (((turn - 1) * 64 + n) % 65_000) + 1,
          value: Buffer.from(`${turn}-${n}-${"x".repeat(1_000)}`),
          location: "file:///etc/passwd",
        });
    }),
  },
  "at a caller: values that a generator has not been asked for": {
    call: "prefetching generator",
    batch: frames((writer, stream) =>
      writer.message(stream, messageHead(FrameKind.Result), payloadOf("x".repeat(60_000))),
    ),
  },
  "at a caller: small values that a generator has not been asked for": {
    call: "generator",
    batch: frames((writer, stream) => {
      for (let n = 0; n < 500; n++)
        writer.message(stream, messageHead(FrameKind.Result), payloadOf([n, { n }]));
    }),
  },
  "at a caller: answers without an end": {
    call: "function",
    batch: (stream, turn) =>
      Buffer.concat([
        turn === 1
          ? batchOf((writer) =>
              writer.message(stream, messageHead(FrameKind.Done, { parts: 2, detached: true }), NO_PAYLOAD),
            )
          : new Uint8Array(0),
        encodeChunkHead(stream, 0, 16 * MIB, false, 60_000).subarray(HEADROOM),
        Buffer.alloc(60_000, 1),
      ]),
    turns: 200,
  },
  "at a caller: empty parts of an answer": {
    call: "function",
    batch: (stream, turn) =>
      Buffer.concat([
        turn === 1
          ? batchOf((writer) =>
              writer.message(stream, messageHead(FrameKind.Done, { parts: 4_000_000_000 }), NO_PAYLOAD),
            )
          : new Uint8Array(0),
        ...Array.from({ length: 500 }, (_, n) =>
          encodeChunkHead(stream, (turn - 1) * 500 + n, 0, true, 0).subarray(HEADROOM),
        ),
      ]),
  },
  "at a caller: pings": {
    call: "function",
    batch: frames((writer, _, turn) => {
      for (let n = 0; n < 500; n++) writer.ping(turn * 500 + n);
    }),
  },
  "at a caller: that a call has begun, and waits": {
    call: "function",
    batch: frames((writer, stream) => {
      for (let n = 0; n < 500; n++) {
        writer.ack(stream, "0.1.0", "hostile");
        writer.parked(stream, n);
      }
    }),
  },
  "at a caller: windows": {
    call: "function",
    batch: frames((writer, stream) => {
      for (let n = 0; n < 500; n++) {
        writer.window(0, 0x7fff_ffff);
        writer.window(stream, 0x7fff_ffff);
      }
    }),
  },
  "at a caller: refusals that invite to ask again": {
    call: "function",
    batch: frames((writer, stream) => writer.nack(stream, createNack(NackCode.FULL, "x".repeat(1_000), 1))),
    turns: 1,
  },
  "at a caller: answers of 400 000 short keys": {
    call: "function",
    batch: ending(() =>
      keptArguments(Object.fromEntries(Array.from({ length: 400_000 }, (_, n) => [`k${n.toString(36)}`, 0]))),
    ),
    turns: 1,
  },
  "at a caller: answers of 80 000 Maps": {
    call: "function",
    batch: ending(() => keptArguments(Array.from({ length: 80_000 }, () => new Map()))),
    turns: 1,
  },
  "at a caller: answers of small numbers": {
    call: "function",
    batch: ending(() => keptArguments("small numbers")),
    turns: 1,
  },
  "at a caller: errors whose text a terminal obeys": {
    call: "function",
    batch: frames((writer, stream) => writer.message(stream, messageHead(FrameKind.Exception), thrown())),
    turns: 1,
  },
  "at a caller: goodbyes whose text a terminal obeys": {
    call: "function",
    batch: frames((writer) =>
      writer.goAway({ lastStream: 0, code: 0, detail: HOSTILE_TEXT.toWellFormed(), graceMs: 0 }),
    ),
    turns: 1,
  },
  "at a caller: calls of a callback": {
    call: "flows",
    batch: flows(100, (n) => [flowHead({ act: FlowAct.Call, index: 1, number: n }), payloadOf([n, "x"])]),
    turns: 2_000,
  },
  "at a caller: calls of a callback that gives large answers": {
    call: "flows",
    batch: flows(1, (n) => [
      flowHead({ act: FlowAct.Call, index: 1, number: n }),
      payloadOf(["x".repeat(60_000)]),
    ]),
  },
  "at a caller: requests for more items than there are": {
    call: "flows",
    batch: flows(500, () => [flowHead({ act: FlowAct.Pull, number: 0xffff_ffff, taken: 1_000 }), NO_PAYLOAD]),
  },
  "at a caller: numbers of iterables that there are not": {
    call: "flows",
    batch: flows(500, (n) => [flowHead({ act: FlowAct.Pull, index: n * 1_000_003, number: 1 }), NO_PAYLOAD]),
  },
  "at a caller: items of an answer that nobody has asked for": {
    call: "function",
    batch: (stream, turn) =>
      batchOf((writer) => {
        if (turn === 1)
          writer.message(
            stream,
            messageHead(FrameKind.Result),
            flowValue(Array.from({ length: 256 }, anIterable)),
          );
        const flow = flowHead({ act: FlowAct.Item, index: turn % 256 });
        writer.message(stream, messageHead(FrameKind.WorkerFlow, { flow }), payloadOf("x".repeat(60_000)));
      }),
  },
  "at a caller: frames that only a caller sends": {
    call: "function",
    batch: frames((writer, stream) => {
      for (let n = 0; n < 500; n++) {
        writer.next(stream + n);
        writer.credit(stream, 1);
        writer.signal(stream, n, payloadOf("x".repeat(100)));
      }
    }),
  },
};

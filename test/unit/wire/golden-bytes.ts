/**
 * The compatibility record of the wire: batches of one frame in hex, worked out from the schema, and
 * what they mean. A row never changes within a major version; new rows are added at the end.
 */
import { FlowAct } from "../../../src/wire/messages/flow.ts";
import type { FrameModel } from "./frame-model.ts";

/** One row: the bytes of a batch, and the frame in it. */
export interface GoldenFrame {
  readonly name: string;
  readonly hex: string;
  readonly frame: FrameModel;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const NOTHING: Uint8Array = new Uint8Array(0);
function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

const PLAIN_TASK = {
  routineRef: 0,
  callable: undefined,
  proxyRef: 0,
  flags: 0,
  budgetUs: 0,
  credit: 0,
  parts: 0,
  tag: undefined,
  callers: undefined,
  trace: undefined,
  origin: undefined,
};
const FLOW_MESSAGE = { dump: NOTHING, parts: 0, detached: false };
const PLAIN_MESSAGE = { dump: NOTHING, parts: 0, detached: false, bodyUs: 0 };

/** A variable that is set and one that has no value any more, a store, the id of a branch and of a used token. */
const CHANGES_HEX =
  "c206 26 0a08 0a03612362 120107 0a05 0a03612363 1209 0a0173 1202a178 1801 1a03623a31 2203743a32";
const CHANGES: Uint8Array = bytesOf(CHANGES_HEX).subarray(3);

export const GOLDEN_FRAMES: readonly GoldenFrame[] = [
  {
    name: "a task that names its routine by index",
    hex: "0a11 0801 120d 0a0b 4203920102 b00603 c00601",
    frame: {
      kind: "Task",
      stream: 1,
      args: Uint8Array.of(0x92, 1, 2),
      fields: { ...PLAIN_TASK, routineRef: 3, flags: 1 },
    },
  },
  {
    name: "a task with every other field",
    hex:
      "0a43 08ac02 123e 0a3c 2203766970 3a08612f622e74732363 a806e0c65b b80602 c0061f c80608 d00601" +
      "da06060a0161120162 f206100a03372d311206642e747323651a0174",
    frame: {
      kind: "Task",
      stream: 300,
      args: NOTHING,
      fields: {
        ...PLAIN_TASK,
        callable: "a/b.ts#c",
        proxyRef: 2,
        flags: 31,
        budgetUs: 1_500_000,
        credit: 8,
        parts: 1,
        tag: "vip",
        callers: [{ id: "7-1", routine: "d.ts#e", tag: "t" }],
        trace: new Map([["a", "b"]]),
      },
    },
  },
  {
    name: "a nested task whose first caller is known",
    hex: "0a1f 0801 121b 0a19 b00603 c00603 fa060c 7370696666653a2f2f612f62 fa0601 63",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, flags: 3, origin: ["spiffe://a/b", "c"] },
    },
  },
  {
    name: "an urgent task with a limit for its body",
    hex: "0a10 0801 120c 0a0a b00603 80070e 8807f403",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, priority: 7, runTimeoutUs: 500 },
    },
  },
  {
    name: "a task of the lowest priority",
    hex: "0a10 0801 120c 0a0a b00603 8007ffffffff0f",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, priority: -(2 ** 31) },
    },
  },
  {
    name: "a task with an idempotency key",
    hex: "0a11 0801 120d 0a0b b00603 c20705 6f72642d37",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, idempotencyKey: "ord-7" },
    },
  },
  { name: "a step", hex: "0a06 0805 1202 1200", frame: { kind: "Next", stream: 5 } },
  {
    name: "a sent value",
    hex: "0a09 0801 1205 1a03 0a01c3",
    frame: { kind: "Send", stream: 1, ...PLAIN_MESSAGE, dump: Uint8Array.of(0xc3) },
  },
  {
    name: "a thrown error with two parts behind it",
    hex: "0a0c 0801 1208 2206 0a01c3 a00602",
    frame: { kind: "Throw", stream: 1, ...PLAIN_MESSAGE, dump: Uint8Array.of(0xc3), parts: 2 },
  },
  {
    name: "a return without a value",
    hex: "0a07 0801 1203 a20600",
    frame: { kind: "Return", stream: 1, ...PLAIN_MESSAGE },
  },
  {
    name: "a cancel without a reason",
    hex: "0a07 0801 1203 aa0600",
    frame: { kind: "Cancel", stream: 1, reason: NOTHING },
  },
  {
    name: "a cancel with a reason",
    hex: "0a0c 0801 1208 aa0605 0a03 0a01c0",
    frame: { kind: "Cancel", stream: 1, reason: Uint8Array.of(0xc0) },
  },
  {
    name: "credit for 300 values",
    hex: "0a08 0801 1204 b006ac02",
    frame: { kind: "Credit", stream: 1, count: 300 },
  },
  {
    name: "a signal with a reason",
    hex: "0a0e 0801 120a ba0607 0802 1203 0a01c0",
    frame: { kind: "Signal", stream: 1, index: 2, reason: Uint8Array.of(0xc0) },
  },
  {
    name: "an acceptance",
    hex: "0a12 0801 1a0e 0a0c 0a05302e312e30 aa06027731",
    frame: { kind: "Ack", stream: 1, version: "0.1.0", uid: "w1" },
  },
  {
    name: "a refusal",
    hex: "0a1c 0801 1a18 1216 a2060466756c6c a80604 b006fa01 ba0605302e312e30",
    frame: {
      kind: "Nack",
      stream: 1,
      nack: { code: 4, reason: "full", retryAfterMs: 250, version: "0.1.0" },
    },
  },
  {
    name: "a refusal with the error behind it",
    hex: "0a12 0801 1a0e 120c 0a03 0a0107 a2060162 a8060b",
    frame: {
      kind: "Nack",
      stream: 1,
      nack: { code: 11, reason: "b", retryAfterMs: 0, version: "", exception: Uint8Array.of(7) },
    },
  },
  {
    name: "a yield after 12 microseconds",
    hex: "0a0c 0801 1a08 1a03 0a0107 b0060c",
    frame: { kind: "Result", stream: 1, ...PLAIN_MESSAGE, dump: Uint8Array.of(7), bodyUs: 12 },
  },
  {
    name: "an error",
    hex: "0a09 0801 1a05 2203 0a0107",
    frame: { kind: "Exception", stream: 1, ...PLAIN_MESSAGE, dump: Uint8Array.of(7) },
  },
  {
    name: "a value that travels as a part",
    hex: "0a0d 0801 1a09 a20606 a00601 a80601",
    frame: { kind: "Done", stream: 1, ...PLAIN_MESSAGE, parts: 1, detached: true },
  },
  {
    name: "a body that has suspended",
    hex: "0a0a 0801 1a06 aa0600 b00650",
    frame: { kind: "Parked", stream: 1, bodyUs: 80 },
  },
  {
    name: "a hello",
    hex:
      "0a41 223f 0807 1205302e312e30 1a027731 22046e6f6465 2a086d6572696e6f2d31 320301ac02" +
      "3a1b 08808040 1080808032 18e807 20808004 28808040 308020 3840 4064",
    frame: {
      kind: "Hello",
      stream: 0,
      hello: {
        session: 7,
        version: "0.1.0",
        uid: "w1",
        runtime: "node",
        codecs: ["merino-1"],
        features: [1, 300],
        limits: {
          maxBatch: 1_048_576,
          maxMessage: 104_857_600,
          maxStreams: 1_000,
          streamWindow: 65_536,
          connectionWindow: 1_048_576,
          maxDefines: 4_096,
          maxOpenMessages: 64,
          maxDepth: 100,
        },
      },
    },
  },
  {
    name: "a farewell",
    hex: "0a0e 2a0c 0805 1003 1a03627965 208827",
    frame: { kind: "GoAway", stream: 0, goAway: { lastStream: 5, code: 3, detail: "bye", graceMs: 5_000 } },
  },
  {
    name: "the farewell of a process that ends by itself",
    hex: "0a0e 2a0c 0805 1003 1a03627965 a00601",
    frame: {
      kind: "GoAway",
      stream: 0,
      goAway: { lastStream: 5, code: 3, detail: "bye", graceMs: 0, unasked: true },
    },
  },
  {
    name: "a stream's window",
    hex: "0a08 0803 3204 08808004",
    frame: { kind: "Window", stream: 3, bytes: 65_536 },
  },
  {
    name: "the connection's window",
    hex: "0a06 3204 08808004",
    frame: { kind: "Window", stream: 0, bytes: 65_536 },
  },
  {
    name: "a whole part in one chunk",
    hex: "0a0d 0801 3a09 1003 2001 1a03010203",
    frame: { kind: "Chunk", stream: 1, part: 0, total: 3, last: true, data: Uint8Array.of(1, 2, 3) },
  },
  {
    name: "the definition of a routine",
    hex: "0a1e 421c 0801 1003 1a08612f622e74732363 220c66696c653a2f2f2f622e7473",
    frame: {
      kind: "Define",
      stream: 0,
      define: { kind: 1, index: 3, value: text("a/b.ts#c"), location: "file:///b.ts" },
    },
  },
  {
    name: "the definition of a routine that says where it is from",
    hex: `0a58 4256 0801 1004 1a08612f622e74732363 a20645 0a0f2f6e6f64655f6d6f64756c65732f61 1205312e322e33 1a20${"ab".repeat(32)} 2209333a3139203132 3a31`,
    frame: {
      kind: "Define",
      stream: 0,
      define: {
        kind: 1,
        index: 4,
        value: text("a/b.ts#c"),
        location: "",
        origin: {
          copy: "/node_modules/a",
          packageVersion: "1.2.3",
          scriptHash: new Uint8Array(32).fill(0xab),
          path: "3:19 12:1",
        },
      },
    },
  },
  {
    name: "a ping with the largest token",
    hex: "0a0b 4a09 08ffffffffffffff0f",
    frame: { kind: "Ping", stream: 0, token: 2 ** 53 - 1 },
  },
  { name: "a pong", hex: "0a04 5202 0801", frame: { kind: "Pong", stream: 0, token: 1 } },
  {
    name: "a reset",
    hex: "0a09 0805 5a05 0808 120178",
    frame: { kind: "Reset", stream: 5, code: 8, detail: "x" },
  },
  {
    name: "the definition of a descriptor that has come over a network",
    hex: "0a0d 420b 0802 1001 1a027b7d a80601",
    frame: {
      kind: "Define",
      stream: 0,
      define: { kind: 2, index: 1, value: text("{}"), location: "", tainted: true },
    },
  },
  {
    name: "a task of a routine that has come over a network",
    hex: "0a16 0801 1212 0a10 3a08612f622e74732363 420190 c00621",
    frame: {
      kind: "Task",
      stream: 1,
      args: Uint8Array.of(0x90),
      fields: { ...PLAIN_TASK, callable: "a/b.ts#c", flags: 33 },
    },
  },
  {
    name: "a task with context variables, and options of the calls that it makes",
    hex:
      "0a58 0801 1254 0a29 3a08612f622e74732363 420190 5a17 09000000000000e03f a1060000000000001440 aa060174 c00601" +
      CHANGES_HEX,
    frame: {
      kind: "Task",
      stream: 1,
      args: Uint8Array.of(0x90),
      fields: {
        ...PLAIN_TASK,
        callable: "a/b.ts#c",
        flags: 1,
        runtimeContext: bytesOf("09000000000000e03f a1060000000000001440 aa060174"),
        variables: CHANGES,
      },
    },
  },
  {
    name: "a next with changes of context variables",
    hex: `0a2f 0801 122b 1200 ${CHANGES_HEX}`,
    frame: { kind: "Next", stream: 1, variables: CHANGES },
  },
  {
    name: "a done with changes of context variables",
    hex: `0a36 0801 1a32 a206 03 0a0103 b00604 ${CHANGES_HEX}`,
    frame: {
      kind: "Done",
      stream: 1,
      ...PLAIN_MESSAGE,
      dump: Uint8Array.of(3),
      bodyUs: 4,
      variables: CHANGES,
    },
  },
  {
    name: "a task for which objects have come beside the batches, and have changed hands",
    hex: "0a12 0801 120e 0a0c 420190 b00603 c00641 900701",
    frame: {
      kind: "Task",
      stream: 1,
      args: Uint8Array.of(0x90),
      fields: { ...PLAIN_TASK, routineRef: 3, flags: 65, attached: true },
    },
  },
  {
    name: "a done for which objects have come beside the batches",
    hex: "0a0d 0801 1a09 a206 06 0a0107 b00601",
    frame: { kind: "Done", stream: 1, ...PLAIN_MESSAGE, dump: Uint8Array.of(7), attached: true },
  },
  {
    name: "a refusal that gives back what had come with the task",
    hex: "0a0c 0801 1a08 1206 a80604 c80601",
    frame: {
      kind: "Nack",
      stream: 1,
      nack: { code: 4, reason: "", retryAfterMs: 0, version: "", attached: true },
    },
  },
  {
    name: "an item of a flow",
    hex: "0a12 0801 120e ea07 0b 0802 1001 1803 2a03 0a01c3",
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 2, act: FlowAct.Item, number: 3, taken: 0 },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0xc3),
    },
  },
  {
    name: "an item of a flow with changes of context variables",
    hex: `0a3b 0801 1237 ${CHANGES_HEX} ea07 0b 0802 1001 1803 2a03 0a01c3`,
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 2, act: FlowAct.Item, number: 3, taken: 0 },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0xc3),
      variables: CHANGES,
    },
  },
  {
    name: "the end of a flow",
    hex: "0a09 0801 1205 ea07 02 1002",
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.End, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
    },
  },
  {
    name: "an error of a flow, whose bytes follow in a part",
    hex: "0a13 0801 120f ea07 0c 0801 1003 2a06 a00601 a80601",
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 1, act: FlowAct.Error, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
      parts: 1,
      detached: true,
    },
  },
  {
    name: "a request for items of a flow",
    hex: "0a0d 0801 1a09 ea07 06 1004 1840 2020",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.Pull, number: 64, taken: 32 },
      ...FLOW_MESSAGE,
    },
  },
  {
    name: "the end of interest in a flow",
    hex: "0a0b 0801 1a07 ea07 04 0801 1005",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 1, act: FlowAct.Stop, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
    },
  },
  {
    name: "a call of a callback",
    hex: "0a13 0801 1a0f ea07 0c 0801 1006 1807 2a04 0a029107",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 1, act: FlowAct.Call, number: 7, taken: 0 },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0x91, 7),
    },
  },
  {
    name: "a call of a callback with a trace context",
    hex: "0a1c 0801 1a18 ea07 15 0801 1006 1807 2a04 0a029107 da0606 0a0161 120162",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 1, act: FlowAct.Call, number: 7, taken: 0, trace: new Map([["a", "b"]]) },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0x91, 7),
    },
  },
  {
    name: "a task whose callers hold resources, within the reservation on stream 9",
    hex: "0a19 0801 1215 0a13 b00603 9a0703677075 9a07046c696365 a00709",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, held: ["gpu", "lice"], reservation: 9 },
    },
  },
  {
    name: "a task that asks for one and a half GPUs for a minute, in place of a routine",
    hex: "0a17 0801 1213 0a11 aa070e 0a08 0a03677075 10dc0b 10e0d403",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, reserve: bytesOf("0a08 0a03677075 10dc0b 10e0d403") },
    },
  },
  {
    name: "a task whose items are for whoever shows a token",
    hex: "0a10 0801 120c 0a0a b00603 c00608 f207 01 61",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, routineRef: 3, flags: 8, give: "a" },
    },
  },
  {
    name: "a task that takes a stream, in place of a routine",
    hex: "0a0a 0801 1206 0a04 fa07 01 61",
    frame: {
      kind: "Task",
      stream: 1,
      args: NOTHING,
      fields: { ...PLAIN_TASK, take: "a" },
    },
  },
  {
    name: "where the items of a flow are to be had",
    hex: "0a11 0801 120d ea07 0a 1007 2a06 0a04 92617731",
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.Elsewhere, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0x92, 0x61, 0x77, 0x31),
    },
  },
  {
    name: "that the items of a flow are not to be had elsewhere",
    hex: "0a09 0801 1a05 ea07 02 1008",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.Here, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
    },
  },
  {
    name: "that the items of a flow are for whoever shows a token",
    hex: "0a10 0801 120c ea07 09 1009 2a05 0a03 616263",
    frame: {
      kind: "CallerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.Give, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
      dump: Uint8Array.of(0x61, 0x62, 0x63),
    },
  },
  {
    name: "that they are kept for whoever shows it",
    hex: "0a09 0801 1a05 ea07 02 100a",
    frame: {
      kind: "WorkerFlow",
      stream: 1,
      flow: { index: 0, act: FlowAct.Given, number: 0, taken: 0 },
      ...FLOW_MESSAGE,
    },
  },
  {
    name: "a refusal for want of resources, of which half is free",
    hex: "0a1f 0801 1a1b 1219 a80604 d20608 0a03677075 10e807 da0608 0a03677075 10f403",
    frame: {
      kind: "Nack",
      stream: 1,
      nack: {
        code: 4,
        reason: "",
        retryAfterMs: 0,
        version: "",
        needs: new Map([["gpu", 1_000]]),
        free: new Map([["gpu", 500]]),
      },
    },
  },
];

/**
 * The compatibility record of `dispatch`: every message that a caller or a worker sends on it, in hex, worked
 * out from the schema, and what it means. A row never changes within a major version; new rows are added
 * at the end.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RequestSchema, ResponseSchema } from "../../../../../src/wire/gen/wire_pb.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const ADD = text("a/b.ts#add");
const ONE_TWO = Uint8Array.of(0x08, 0x92, 1, 2);
const SEVEN = { dump: Uint8Array.of(0x08, 7) };

/** One message of the caller. */
export interface GoldenRequest {
  readonly name: string;
  readonly hex: string;
  readonly message: MessageInitShape<typeof RequestSchema>;
}

export const GOLDEN_REQUESTS: readonly GoldenRequest[] = [
  {
    name: "a task of a caller that knows the original's grammar",
    hex: "0a24 0a05302e312e30 3a0a612f622e747323616464 420408920102 a206086d6572696e6f2d31",
    message: {
      payload: {
        case: "task",
        value: { version: "0.1.0", callable: ADD, args: ONE_TWO, codec: "merino-1" },
      },
    },
  },
  {
    name: "a task with everything that a foreign caller may say",
    hex:
      "0a38 0a05302e342e32 12027431 1a026331 2203766970 3a0a612f622e747323616464 42020890 501e" +
      "a206086d6572696e6f2d31 c00601 ea060101",
    message: {
      payload: {
        case: "task",
        value: {
          version: "0.4.2",
          id: "t1",
          caller: "c1",
          tag: "vip",
          callable: ADD,
          args: Uint8Array.of(0x08, 0x90),
          timeout: 30,
          codec: "merino-1",
          flags: 1,
          features: [1],
        },
      },
    },
  },
  { name: "a step", hex: "1200", message: { payload: { case: "next", value: {} } } },
  { name: "a sent value", hex: "1a04 0a020807", message: { payload: { case: "send", value: SEVEN } } },
  { name: "a thrown error", hex: "2204 0a020807", message: { payload: { case: "throw", value: SEVEN } } },
  { name: "a return", hex: "a20604 0a020807", message: { payload: { case: "return", value: SEVEN } } },
  { name: "a cancel", hex: "aa0600", message: { payload: { case: "cancel", value: {} } } },
  { name: "credit", hex: "b00603", message: { payload: { case: "credit", value: 3 } } },
  {
    name: "a signal that has fired",
    hex: "ba0602 0802",
    message: { payload: { case: "signal", value: { index: 2 } } },
  },
];

/** One message of the worker: what it is in the session, and what callers see of it. */
export interface GoldenResponse {
  readonly name: string;
  /** As the worker's session sends it. */
  readonly hex: string;
  readonly message: MessageInitShape<typeof ResponseSchema>;
  /** As a caller with the original's grammar gets it; `""`: not at all. */
  readonly original: string;
  /** As a caller that lists feature 1 gets it. */
  readonly whole: string;
  /** Whether it ends the stream. */
  readonly terminal: boolean;
}

const THREE = { dump: Uint8Array.of(0x08, 3) };

/** The Ack, which comes before all but a Nack, whether or not the session has one. */
export const GOLDEN_ACK = {
  hex: "0a1b 0a05302e312e30 a2060101 aa06027731 b206086d6572696e6f2d31",
  message: {
    payload: {
      case: "ack",
      value: { version: "0.1.0", features: [1], uid: "w1", codec: "merino-1" },
    },
  } satisfies MessageInitShape<typeof ResponseSchema>,
} as const;

export const GOLDEN_RESPONSES: readonly GoldenResponse[] = [
  {
    name: "a refusal",
    hex: "1215 a2060466756c6c a80604 b0060a ba0605302e312e30",
    message: {
      payload: {
        case: "nack",
        value: { reason: "full", code: 4, retryAfterMs: 10n, version: "0.1.0" },
      },
    },
    original: "1215 a2060466756c6c a80604 b0060a ba0605302e312e30",
    whole: "1215 a2060466756c6c a80604 b0060a ba0605302e312e30",
    terminal: true,
  },
  {
    name: "a yield",
    hex: "1a04 0a020803 b00604",
    message: { payload: { case: "result", value: THREE }, bodyUs: 4 },
    original: "1a04 0a020803 b00604",
    whole: "1a04 0a020803 b00604",
    terminal: false,
  },
  {
    name: "an error",
    hex: "2204 0a020803 b00604",
    message: { payload: { case: "exception", value: THREE }, bodyUs: 4 },
    original: "2204 0a020803 b00604",
    whole: "2204 0a020803 b00604",
    terminal: true,
  },
  {
    name: "a function's value",
    hex: "a20604 0a020803 b00604",
    message: { payload: { case: "done", value: THREE }, bodyUs: 4 },
    original: "1a04 0a020803 b00604",
    whole: "a20604 0a020803 b00604",
    terminal: true,
  },
  {
    name: "the end of a generator",
    hex: "a20600 b00604",
    message: { payload: { case: "done", value: {} }, bodyUs: 4 },
    original: "",
    whole: "a20600 b00604",
    terminal: true,
  },
  {
    name: "the first suspension of a body",
    hex: "aa0600 b00604",
    message: { payload: { case: "parked", value: {} }, bodyUs: 4 },
    original: "",
    whole: "",
    terminal: false,
  },
];

/** The bytes of a row. */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

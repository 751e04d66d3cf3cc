/**
 * Flows: what goes on, while a call runs, between the two ends of an iterable, a stream or a callback among its
 * arguments, or of an iterable or a stream in its answer. A Flow frame is a message with a head, which says what it is about;
 * `session/flows/` knows what may come when.
 */
import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { PayloadReader } from "../batch/payload-reader.ts";
import { EntryTag } from "../protobuf/entry-tag.ts";
import { type FieldScanner, fieldNumbers, TWICE } from "../protobuf/field-scanner.ts";
import { skipStrings } from "../protobuf/skip-strings.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import { FlowTag } from "../tags.ts";
import { readTrace, readTraceOfIds, skipTraceOfIds } from "../task/trace.ts";

/** What a message of a flow does. */
export const FlowAct = {
  /** From its owner: an item of an iterable, or what a callback has returned. */
  Item: 1,
  /** From its owner: there are no more items. */
  End: 2,
  /** From its owner: an error of the iterable or the callback. */
  Error: 3,
  /** To its owner: more items may be sent. */
  Pull: 4,
  /** To its owner: no more items are wanted. */
  Stop: 5,
  /** To its owner: calls a callback. */
  Call: 6,
  /** From its owner: its items are to be had at another worker; the message says at which, and the token to show there. */
  Elsewhere: 7,
  /** To its owner: they are not to be had there, and nobody has asked for them; it is to send them itself. */
  Here: 8,
  /** To its owner: they are for whoever shows the token in the message. */
  Give: 9,
  /** From its owner: it has them for whoever shows that. */
  Given: 10,
} as const;
export type FlowAct = (typeof FlowAct)[keyof typeof FlowAct];

/** Whether it comes from whoever has the source or the function: which of the two ends numbers the flow. */
export function isFromOwner(act: number): boolean {
  switch (act) {
    case FlowAct.Item:
    case FlowAct.End:
    case FlowAct.Error:
    case FlowAct.Elsewhere:
    case FlowAct.Given:
      return true;
    default:
      return false;
  }
}

/** Which flow, and what of it. */
export interface FlowHead {
  /** Number of the flow in the arguments of its call, or in the answer: each counts from 0. */
  readonly index: number;
  /** A {@link FlowAct}, or a number that a newer peer knows. */
  readonly act: number;
  /** Of a Pull: how many more items may be sent. Of a Call and its answer: its number. */
  readonly number: number;
  /** Of a Pull: how many items have been taken since the one before. */
  readonly taken: number;
  /** Of a Call: the trace context of whoever calls, by header name. Default: none. */
  readonly trace?: TraceContext | undefined;
}

const FIELDS = fieldNumbers(FlowTag);

/** A cursor at the head of one Flow after another. */
export class FlowReader implements FlowHead {
  index = 0;
  act = 0;
  number = 0;
  taken = 0;
  trace: TraceContext | undefined;

  /**
   * Reads the Flow at the scanner's position.
   *
   * @param payload Told where the message in it lies.
   */
  read(scanner: FieldScanner, payload: PayloadReader): void {
    let messages = 0;
    let entries = 0;
    let idsEnd = 0;
    const outer = scanner.enter();
    const { bytes, position: start, end } = scanner;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case FlowTag.Index:
          this.index = scanner.uint32();
          break;
        case FlowTag.Act:
          this.act = scanner.uint32();
          break;
        case FlowTag.Number:
          this.number = scanner.uint32();
          break;
        case FlowTag.Taken:
          this.taken = scanner.uint32();
          break;
        case FlowTag.Message:
          if (messages++ > 0) scanner.fail(TWICE);
          else payload.readMessage(scanner);
          break;
        case FlowTag.Trace:
          entries += 1;
          if (skipTraceOfIds(scanner)) idsEnd = scanner.position;
          else skipStrings(scanner, EntryTag.Value);
          break;
        default:
          scanner.skipUnknown(tag, FIELDS);
      }
    }
    scanner.leave(outer);
    if (entries > 0 && scanner.problem === "")
      this.trace = entries === 1 && idsEnd > 0 ? readTraceOfIds(bytes, idsEnd) : readTrace(bytes, start, end);
  }

  /** Forgets the head. */
  clear(): void {
    this.index = 0;
    this.act = 0;
    this.number = 0;
    this.taken = 0;
    this.trace = undefined;
  }
}

/** Size of the fields of the head. */
export function flowHeadSize({ index, act, number, taken }: FlowHead): number {
  return fieldSize(index) + fieldSize(act) + fieldSize(number) + fieldSize(taken);
}

/** Writes the fields of the head, and returns the position after them. */
export function writeFlowHead(out: Uint8Array, position: number, head: FlowHead): number {
  let at = writeField(out, position, FlowTag.Index, head.index);
  at = writeField(out, at, FlowTag.Act, head.act);
  at = writeField(out, at, FlowTag.Number, head.number);
  return writeField(out, at, FlowTag.Taken, head.taken);
}

function fieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function writeField(out: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  out[at] = tag;
  return writeVarint(out, at + 1, value);
}

/**
 * Makes the payload of a size that is the dearest of its kind: as many of a shape's items as the budget lets pass, and
 * behind them a text, which costs next to nothing, to pay for them.
 */
import { auditPayload } from "../../src/codec/budget/payload-audit.ts";
import { Extension, HEADER_PLAIN, HEADER_REFERENCES } from "../../src/codec/format.ts";
import { head, uint } from "../../test/fuzz/targets/value-tokens.ts";

/** A kind of payload that may be dear. */
export interface Shape {
  readonly name: string;
  /** What its items are in: elements of an array, fields with their values, members of a Set, entries of a Map. */
  readonly holder: "array" | "object" | "Map" | "Set";
  /** Each item, or the item of that number. */
  readonly item: Buffer | ((index: number) => Buffer);
  /**
   * Makes the value of the item at a position of the payload: for an object and a Map the key alone, whose value is null.
   * It does as little as can be done, and looks at the bytes for no more than the characters of a text or a number.
   */
  readonly bare: (bytes: Buffer, at: number) => unknown;
}

/** A payload of a shape, and where in it the items are. */
export interface DearPayload {
  readonly bytes: Buffer;
  readonly at: Int32Array;
}

/** The items of a shape, one after the other, and where each ends. */
interface Items {
  readonly bytes: Buffer;
  readonly ends: readonly number[];
}

/** Of a string with a length of four bytes. */
const PADDING_HEAD_BYTES = 5;

/** @param numbered Whether the payload says that it refers back, so that the reader numbers its objects. */
export function dearPayload({ holder, item }: Shape, sizeBytes: number, numbered: boolean): DearPayload {
  const items = itemsOf(item, sizeBytes - 64);
  const header = Buffer.of(numbered ? HEADER_REFERENCES : HEADER_PLAIN, 0x92);
  const payloadOf = (count: number): Buffer => {
    const bytes = items.bytes.subarray(0, items.ends[count - 1] ?? 0);
    const start = Buffer.concat([header, holderHead(holder, count, bytes.length), bytes]);
    const rest = Math.max(0, sizeBytes - start.length - PADDING_HEAD_BYTES);
    return Buffer.concat([start, head(0xdb, uint(rest, 4)), Buffer.alloc(rest, "x")]);
  };
  let fits = 0;
  let tooMany = items.ends.length + 1;
  for (let count = tooMany - 1; tooMany - fits > 1; count = (fits + tooMany) >> 1) {
    if (isAffordable(payloadOf(count))) fits = count;
    else tooMany = count;
  }
  const bytes = payloadOf(fits);
  const first = header.length + holderHead(holder, fits, 0).length;
  return { bytes, at: Int32Array.from({ length: fits }, (_, index) => first + (items.ends[index - 1] ?? 0)) };
}

/** Makes the values of a payload without reading it, as a loop of the engine alone. */
export function makeBare({ holder, bare }: Shape, { bytes, at }: DearPayload): unknown {
  const count = at.length;
  if (holder === "array") {
    const array = new Array<unknown>(count);
    for (let index = 0; index < count; index++) array[index] = bare(bytes, at[index] as number);
    return array;
  }
  if (holder === "Set") {
    const set = new Set<unknown>();
    for (let index = 0; index < count; index++) set.add(bare(bytes, at[index] as number));
    return set;
  }
  if (holder === "Map") {
    const map = new Map<unknown, null>();
    for (let index = 0; index < count; index++) map.set(bare(bytes, at[index] as number), null);
    return map;
  }
  const object = Object.setPrototypeOf(Object.create(null), Object.prototype) as Record<string, null>;
  for (let index = 0; index < count; index++) object[bare(bytes, at[index] as number) as string] = null;
  return object;
}

function itemsOf(item: Shape["item"], sizeBytes: number): Items {
  const bytes = Buffer.alloc(sizeBytes);
  const ends: number[] = [];
  for (let end = 0; ; ends.push(end)) {
    const next = typeof item === "function" ? item(ends.length) : item;
    if (end + next.length > sizeBytes) return { bytes, ends };
    bytes.set(next, end);
    end += next.length;
  }
}

function holderHead(holder: Shape["holder"], count: number, lengthBytes: number): Buffer {
  switch (holder) {
    case "array":
      return head(0xdd, uint(count, 4));
    case "object":
      return head(0xdf, uint(count, 4));
    case "Map":
      return Buffer.concat([head(0xc9, uint(lengthBytes, 4)), Buffer.of(Extension.MAP)]);
    case "Set":
      return Buffer.concat([head(0xc9, uint(lengthBytes, 4)), Buffer.of(Extension.SET)]);
  }
}

function isAffordable(bytes: Buffer): boolean {
  return auditPayload({ bytes, start: 0, end: bytes.length }, "receiver") === undefined;
}

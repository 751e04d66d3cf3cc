/**
 * Rewrites a protobuf message so that it means the same and looks as different as protobuf allows:
 * fields in another order, unknown fields between them, earlier values of scalars that a later one
 * overrides, numbers in more bytes than they need, lists packed or not.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Draws a number from 0 to `below - 1`. */
export type Draw = (below: number) => number;

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Rewrites the message. */
export function scramble(schema: DescMessage, bytes: Uint8Array, draw: Draw): Uint8Array {
  const known = new Map(schema.fields.map((field) => [field.number, field]));
  const fields: Field[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    const content = reader.skip(type, number);
    const field = known.get(number);
    if (field === undefined) throw new Error(`field ${number} of ${schema.typeName} is unknown`);
    if (isOverridable(field) && draw(3) === 0) fields.push({ number, bytes: decoy(field) });
    if (isPacked(field)) fields.push(...unpack(number, content, draw));
    else if (type === WireType.LengthDelimited) {
      const inner = content.subarray(content.length - new BinaryReader(content).uint32());
      const nested = messageOf(field);
      fields.push({
        number,
        bytes: delimited(number, nested === undefined ? inner : scramble(nested, inner, draw), draw),
      });
    } else if (type === WireType.Varint) {
      fields.push({ number, bytes: new Uint8Array([...tag(number, type), ...stretch(content, draw)]) });
    } else fields.push({ number, bytes: bytes.slice(start, reader.pos) });
  }
  for (let count = draw(3); count > 0; count--) {
    fields.splice(draw(fields.length + 1), 0, { number: -1, bytes: unknownField(draw) });
  }
  return concat(shuffle(fields, draw).map((field) => field.bytes));
}

/** Exchanges fields, but keeps those of one number in their order. */
function shuffle(fields: readonly Field[], draw: Draw): Field[] {
  const order = fields.map((field) => field.number);
  for (let at = order.length - 1; at > 0; at--) {
    const other = draw(at + 1);
    [order[at], order[other]] = [order[other] as number, order[at] as number];
  }
  const rest = [...fields];
  return order.flatMap((number) =>
    rest.splice(
      rest.findIndex((field) => field.number === number),
      1,
    ),
  );
}

/** A scalar outside of oneofs: the last of its values counts. */
function isOverridable(field: DescField): boolean {
  return (field.fieldKind === "scalar" || field.fieldKind === "enum") && field.oneof === undefined;
}

function isPacked(field: DescField): boolean {
  return field.fieldKind === "list" && field.packed;
}

function messageOf(field: DescField): DescMessage | undefined {
  if (field.fieldKind === "message") return field.message;
  return field.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}

function decoy(field: DescField): Uint8Array {
  const isText = field.fieldKind === "scalar" && (field.scalar === 9 || field.scalar === 12);
  const writer = new BinaryWriter();
  const isDouble = field.fieldKind === "scalar" && field.scalar === 1;
  if (isDouble) return writer.tag(field.number, WireType.Bit64).double(77).finish();
  return isText
    ? writer.tag(field.number, WireType.LengthDelimited).string("decoy").finish()
    : writer.tag(field.number, WireType.Varint).uint32(77).finish();
}

/** A packed list as several pieces: single values and shorter packed lists. */
function unpack(number: number, content: Uint8Array, draw: Draw): Field[] {
  const reader = new BinaryReader(content);
  reader.uint32();
  const pieces: Field[] = [];
  while (reader.pos < reader.len) {
    const value = new BinaryWriter().uint32(reader.uint32()).finish();
    const bytes =
      draw(2) === 0
        ? new Uint8Array([...tag(number, WireType.Varint), ...value])
        : delimited(number, value, draw);
    pieces.push({ number, bytes });
  }
  return pieces;
}

/** Adds up to two bytes to a varint that has room for them. */
function stretch(varint: Uint8Array, draw: Draw): Uint8Array {
  const extra = varint.length > 5 ? 0 : draw(3);
  const bytes = new Uint8Array(varint.length + extra);
  bytes.set(varint);
  for (let at = varint.length - 1; at < bytes.length - 1; at++) bytes[at] = (bytes[at] ?? 0) | 0x80;
  return bytes;
}

function delimited(number: number, content: Uint8Array, draw: Draw): Uint8Array {
  const length = stretch(new BinaryWriter().uint32(content.length).finish(), draw);
  return concat([tag(number, WireType.LengthDelimited), length, content]);
}

function unknownField(draw: Draw): Uint8Array {
  const writer = new BinaryWriter();
  const number = 200 + draw(100_000);
  switch (draw(4)) {
    case 0:
      return writer
        .tag(number, WireType.Varint)
        .uint64(2n ** 64n - 1n)
        .finish();
    case 1:
      return writer.tag(number, WireType.Bit64).fixed64(0n).finish();
    case 2:
      return writer.tag(number, WireType.Bit32).fixed32(0).finish();
    default:
      return writer
        .tag(number, WireType.LengthDelimited)
        .bytes(new Uint8Array(draw(9)).fill(0xff))
        .finish();
  }
}

function tag(number: number, type: WireType): Uint8Array {
  return new BinaryWriter().tag(number, type).finish();
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** The values that are sent to a worker and back: buffers and texts of several sizes, and rows. */
import { serialize } from "node:v8";

export const KIB = 1024;
export const MIB = 1024 * KIB;
const SIZES = [KIB, 64 * KIB, MIB, 16 * MIB] as const;

export interface SampleValue {
  readonly kind: "Buffer" | "ASCII" | "Latin-1" | "CJK" | "rows";
  readonly size: number;
  readonly name: string;
  readonly value: unknown;
  /** What those send who know no values: for text, its code units. */
  readonly bytes: Buffer;
}

export function sizeName(size: number): string {
  return size >= MIB ? `${size / MIB} MiB` : `${size / KIB} KiB`;
}

function text(
  kind: SampleValue["kind"],
  unit: string,
  size: number,
  encoding: "latin1" | "utf16le",
): SampleValue {
  const bytes = Buffer.from(unit.repeat(size), encoding).subarray(0, size);
  return { kind, size, name: `${kind} text, ${sizeName(size)}`, value: bytes.toString(encoding), bytes };
}

/** A row as tables have them. */
export function row(id: number): object {
  return { id, name: `user${id}`, active: true, score: id * 1.5, city: "Paris", tags: null };
}

export function sampleValues(): readonly SampleValue[] {
  const rows = Array.from({ length: 1_000 }, (_, id) => row(id));
  return [
    ...SIZES.flatMap((size): readonly SampleValue[] => {
      const bytes = Buffer.alloc(size, 7);
      return [
        { kind: "Buffer", size, name: `Buffer, ${sizeName(size)}`, value: bytes, bytes },
        text("ASCII", "text ", size, "latin1"),
        text("Latin-1", "t\u00e9xt ", size, "latin1"),
        text("CJK", "\u6587\u5b57 ", size, "utf16le"),
      ];
    }),
    { kind: "rows", size: 1_000, name: "1 000 rows of six fields", value: rows, bytes: serialize(rows) },
  ];
}

/** What an audit is asked about, and what it finds. */

/** One step from the root of a payload to a value in it; a text is the whole step. */
export type AuditStep = number | string;

/** What is too dear in a payload. */
export interface Excess {
  /** Where the audit was when it had spent everything. */
  readonly steps: readonly AuditStep[];
  /** What the values up to there cost, in bytes. */
  readonly cost: number;
  readonly allowed: number;
  /** Whether it is the keys of a Map or Set that meet in one place of the hash table. */
  readonly colliding: boolean;
}

/** A range of bytes that holds an encoded value. */
export interface AuditedBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The step to an element of a collection. */
export function memberStep(isMap: boolean, index: number): string {
  return isMap ? `.keys()[${index}]` : `.values()[${index}]`;
}

/** A key as text, if it is a short string or a small number. */
export function shownKey(bytes: Uint8Array, at: number): string {
  const token = bytes[at] as number;
  if (token < 0x80) return String(token);
  const length = token >= 0xa0 && token <= 0xbf ? token & 0x1f : token === 0xd9 ? 40 : -1;
  if (length === -1) return "…";
  const from = token === 0xd9 ? at + 2 : at + 1;
  return JSON.stringify(Buffer.from(bytes.subarray(from, from + length)).toString("utf8"));
}

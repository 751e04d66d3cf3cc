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

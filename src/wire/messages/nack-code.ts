/** Why a worker did not start a task, and which of the reasons hold for every worker. */

/** The codes of a Nack, `Refusal` in the schema; the numbers travel and never change. */
export const NackCode = {
  UNSPECIFIED: 0,
  VERSION: 1,
  CODEC: 2,
  DRAINING: 3,
  FULL: 4,
  UNKNOWN_ROUTINE: 5,
  NOT_EXPOSED: 6,
  FORBIDDEN: 7,
  BAD_PAYLOAD: 8,
  TOO_LARGE: 9,
  EXPIRED: 10,
  /** The import of the routine's module has failed on this worker, where it is not tried again. */
  IMPORT_FAILED: 11,
  /** A task that it was called from holds a resource that it needs. */
  HELD: 12,
  /** The worker never has as much of a resource as the task needs. */
  LACKS_RESOURCES: 13,
  /** The reservation within which the task is to run has ended. */
  RESERVATION_LOST: 14,
} as const;
export type NackCode = (typeof NackCode)[keyof typeof NackCode];

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(NackCode).map(([name, code]) => [code, name]),
);

/**
 * Names a refusal code.
 *
 * @param code As it came over the wire.
 * @returns For example `"FULL"`; `"UNSPECIFIED"` for a code that this version does not know.
 */
export function refusalName(code: number): string {
  return NAMES.get(code) ?? "UNSPECIFIED";
}

/**
 * Tells whether a refusal surfaces at the caller. All others, unknown ones included, send the task on to
 * the next candidate.
 *
 * @param code As it came over the wire.
 */
export function isFinalRefusal(code: number): boolean {
  switch (code) {
    case NackCode.FORBIDDEN:
    case NackCode.BAD_PAYLOAD:
    case NackCode.TOO_LARGE:
    case NackCode.EXPIRED:
    case NackCode.HELD:
    case NackCode.RESERVATION_LOST:
      return true;
    default:
      return false;
  }
}

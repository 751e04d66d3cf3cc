/** The statuses of gRPC: the one table of their codes. What one means at the end of a call is in `error-from-status.ts`. */

/** The codes of gRPC by their names. */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** A code of gRPC. */
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(GrpcStatus).map(([name, code]) => [code, name]),
);

/** The code with this number; one that gRPC does not have counts as UNKNOWN, as gRPC wants. */
export function toGrpcStatus(value: number): GrpcStatus {
  return CODE_NAMES.has(value) ? (value as GrpcStatus) : GrpcStatus.UNKNOWN;
}

/** The name that gRPC gives to a code. */
export function nameOfGrpcStatus(code: GrpcStatus): string {
  return CODE_NAMES.get(code) ?? "UNKNOWN";
}

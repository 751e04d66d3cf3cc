/** The wait of a call for a place among those that may wait, before it is made. */

import type { CallRecord } from "../call/call-record.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { QueueBound } from "../waiting/queue-bound.ts";
import type { DispatchCounts } from "./dispatch-counts.ts";

/** Where it waits, and who is told of its end if that comes first. */
export interface AdmissionOptions {
  readonly bound: QueueBound;
  readonly counts: DispatchCounts;
  readonly record: CallRecord | undefined;
}

/**
 * Waits for a place for a call.
 *
 * @returns When it came.
 * @throws Why it has ended before.
 */
export async function admission(
  request: PlacedRequest,
  { bound, counts, record }: AdmissionOptions,
): Promise<Pick<PlacedRequest, "sinceMs" | "arrival">> {
  const held = bound.hold(request);
  try {
    await held.admitted;
    const { sinceMs, arrival } = held;
    return { sinceMs, arrival };
  } catch (error) {
    counts.calls += 1;
    counts[held.isCancelled ? "cancelled" : "failed"] += 1;
    record?.settled(held.isCancelled ? "cancelled" : "failed", error);
    throw error;
  } finally {
    bound.release(held);
  }
}

/** A queue of calls: by priority, and then by when they came, also of those that have left it for a worker and come back. */
import { PriorityQueue, type Queued } from "../../internal/queue/priority-queue.ts";

/** What waits: a call, or one that has not been made. */
export interface Waiting extends Queued {
  /** When it came, among others. */
  readonly arrival: number;
}

/** Calls that wait for the same. */
export class CallQueue<T extends Waiting> extends PriorityQueue<T> {
  constructor() {
    super(arrivalOf);
  }
}

/** Which of two calls came first; negative: the one. */
export function byArrival(one: Waiting, other: Waiting): number {
  return one.arrival - other.arrival;
}

function arrivalOf({ arrival }: Waiting): number {
  return arrival;
}

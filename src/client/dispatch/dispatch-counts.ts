/** Counters of a dispatcher since it was made. Data only. */
export interface DispatchCounts {
  /** Calls made. */
  calls: number;
  /** Calls that returned a value, and streams that ran to their end. */
  completed: number;
  /** Calls that ended with an error, of the routine or of the dispatch. */
  failed: number;
  /** Calls ended by their signal or a timeout. */
  cancelled: number;
  /** Cancelled calls whose function kept running: it ignored the signal, but did not block its worker. */
  abandoned: number;
  /** Calls that went on to another worker because the first had provably not started them. */
  redirected: number;
  /** Attempts made after another one of the same call had failed. */
  retried: number;
  /** Attempts made beside another one of the same call, which took long. */
  hedged: number;
  /** Such attempts that were not made, since the budget of their routine was used up. */
  throttled: number;
}

/** Nothing counted yet. */
export function noCounts(): DispatchCounts {
  return {
    calls: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    abandoned: 0,
    redirected: 0,
    retried: 0,
    hedged: 0,
    throttled: 0,
  };
}

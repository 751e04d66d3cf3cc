/** The port between a call and the balancer that is driven step by step for it. Types only. */

/** A call that is offered to one worker after the other. It is told how each answers. */
export interface Offer {
  accepted(): void;
  /**
   * The worker has not taken the call, which has not started.
   *
   * @returns False if it was not offered there: nobody looks for the next worker.
   */
  refused(error: Error): boolean;
  /** The call is over for its caller: it is not to be offered any more. */
  settled(): void;
}

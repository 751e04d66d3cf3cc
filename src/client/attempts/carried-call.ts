/**
 * What the attempts of a call ask of their carrier, and tell it, through the call that they belong to: all that makes no
 * difference to the call itself.
 */
import type { References } from "../../codec/references.ts";
import type { BodyTimeEstimate, BodyTimeEstimates } from "../../internal/body-time-estimate.ts";
import type { Call } from "../call/call.ts";
import type { RoutineLimits } from "../members/routine-limits.ts";
import type { AttemptCarrier } from "./attempt-carrier.ts";

/** A call that has a carrier. */
export abstract class CarriedCall {
  protected readonly carrier: AttemptCarrier;

  constructor(carrier: AttemptCarrier) {
    this.carrier = carrier;
  }

  get references(): References {
    return this.carrier.references;
  }

  get hasThreads(): boolean {
    return this.carrier.hasThreads;
  }

  get bodyTimes(): BodyTimeEstimates {
    return this.carrier.bodyTimes;
  }

  get limits(): RoutineLimits {
    return this.carrier.limits;
  }

  accepted(call: Call, version: string | undefined): void {
    this.carrier.accepted(call, version);
  }

  waits(estimate: BodyTimeEstimate): void {
    this.carrier.waits(estimate);
  }

  spoiled(call: Call, failure: "stream-broken" | "answer-malformed", error: Error): void {
    this.carrier.spoiled(call, failure, error);
  }

  threw(call: Call): void {
    this.carrier.threw(call);
  }

  /** An attempt has no signal of its own that could have been aborted before. */
  neverStarted(): void {}
}

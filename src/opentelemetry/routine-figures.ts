/**
 * What is counted of the calls of each routine on one side, and read when metrics are collected: counting costs a call
 * next to nothing this way. Durations are histograms, which have to be told of every call; see `side-metrics.ts`.
 */
import type { Attributes } from "@opentelemetry/api";
import { ATTRIBUTES, SYSTEM } from "./attributes.ts";

/** Figures of one routine. */
export class RoutineFigures {
  /** Of all its measurements, but for those of calls that have failed. */
  readonly attributes: Attributes;
  /** Calls under way. */
  active = 0;
  requestBytes = 0;
  responseBytes = 0;
  readonly #failed = new Map<string, Attributes>();

  constructor(routine: string) {
    this.attributes = Object.freeze({ [ATTRIBUTES.system]: SYSTEM, [ATTRIBUTES.method]: routine });
  }

  /** The attributes of calls that have failed so. */
  failed(errorType: string): Attributes {
    let attributes = this.#failed.get(errorType);
    if (attributes === undefined) {
      attributes = Object.freeze({ ...this.attributes, [ATTRIBUTES.errorType]: errorType });
      this.#failed.set(errorType, attributes);
    }
    return attributes;
  }
}

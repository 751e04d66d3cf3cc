/** What spans of a routine have in common, on one side of its calls. */
import type { Attributes } from "@opentelemetry/api";
import { ATTRIBUTES, codePath, SYSTEM } from "./attributes.ts";

/**
 * For how many spans in traces that are not sampled it is believed that they come to nothing as the one before, which
 * the sampler was asked about: whether a trace is sampled is decided where it begins, and samplers that decide
 * otherwise do so by what they see of a span, which is the same for all of a routine.
 */
const BELIEVED = 1_000;

/** The traits of one routine. */
export class RoutineTraits {
  /** Those that samplers see. */
  readonly attributes: Attributes;
  #believed = 0;
  #module = "";
  #path = "";

  constructor(routine: string) {
    this.attributes = Object.freeze({ [ATTRIBUTES.system]: SYSTEM, [ATTRIBUTES.method]: routine });
  }

  /** The path of its module, for people; "" if there is none. */
  pathOf(module: string): string {
    if (module !== this.#module) {
      this.#path = codePath(module);
      this.#module = module;
    }
    return this.#path;
  }

  /** Whether a span in a trace that is not sampled need not be made at all. Counts that it was asked. */
  leavesOutUnsampled(): boolean {
    if (this.#believed === 0) return false;
    this.#believed -= 1;
    return true;
  }

  /** Tells what has become of a span that was made in a trace that is not sampled. */
  noteUnsampled(isRecording: boolean): void {
    this.#believed = isRecording ? 0 : BELIEVED;
  }
}

/** The traits of all routines. There are as many as the process calls, or runs. */
export class AllRoutineTraits {
  readonly #byRoutine = new Map<string, RoutineTraits>();

  of(routine: string): RoutineTraits {
    let traits = this.#byRoutine.get(routine);
    if (traits === undefined) {
      traits = new RoutineTraits(routine);
      this.#byRoutine.set(routine, traits);
    }
    return traits;
  }
}

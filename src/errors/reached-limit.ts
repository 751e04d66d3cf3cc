/** A limit of its memory that a worker in a thread has reached, for the errors that tell of its end. */

/** One of the `resourceLimits` of a thread. */
export interface ReachedLimit {
  readonly name: "maxOldGenerationSizeMb" | "maxYoungGenerationSizeMb" | "codeRangeSizeMb" | "stackSizeMb";
  /** Its value, in MB; undefined if it is not known. */
  readonly mb: number | undefined;
}

/**
 * Says it as a clause whose subject is the worker, with the remedy.
 *
 * @example
 * explainLimit({ name: "maxOldGenerationSizeMb", mb: 64 });
 * // => "has reached the limit of its JavaScript heap (maxOldGenerationSizeMb: 64); raise that in resourceLimits of ThreadWorker.factory(), or send smaller pieces"
 */
export function explainLimit({ name, mb }: ReachedLimit): string {
  return `has reached the limit of its JavaScript heap (${name}${mb === undefined ? "" : `: ${mb}`}); raise that in resourceLimits of ThreadWorker.factory(), or send smaller pieces`;
}

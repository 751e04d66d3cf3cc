/**
 * Where an encoder or its error message is inside a value. While encoding, one slot per level is
 * overwritten and nothing is built; the text of a path is made only once something was refused.
 *
 * Forms: `args[0].callback`, `result["odd key"]`, `args[0].get("k")` for the value under a Map key,
 * `args[0].keys()[2]` for the third key of a Map, `args[0].values()[2]` for the third member of a Set,
 * `args[0][Symbol(merino.encode)]` for what a class's `[encode]` returned.
 */
import { MAX_DEPTH } from "../format.ts";

/** The kinds of steps in a path. */
export const Step = { PROPERTY: 0, MAP_VALUE: 1, MAP_KEY: 2, MEMBER: 3 } as const;

/** The step into what a class's `[encode]` returned. */
export const ENCODE_STEP: symbol = Symbol.for("merino.encode");

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const LONGEST_KEY = 60;
/** Steps shown from either end of a path that is too long to be read. */
const SHOWN_STEPS = 12;

/** The way from the root to the value being encoded, one key and one kind of step per level. */
export class Trail {
  readonly keys: unknown[] = new Array<unknown>(MAX_DEPTH + 2).fill(0);
  readonly steps: Uint8Array = new Uint8Array(MAX_DEPTH + 2);

  /** The path of `depth` steps under a root. */
  format(root: string, depth: number): string {
    let path = root;
    for (let level = 0; level < depth; level++) {
      if (level === SHOWN_STEPS && depth > 2 * SHOWN_STEPS) {
        path += " … ";
        level = depth - SHOWN_STEPS;
      }
      path += formatStep(this.steps[level], this.keys[level]);
    }
    return path;
  }
}

function formatStep(step: number | undefined, key: unknown): string {
  if (step === Step.MAP_VALUE) return `.get(${formatMapKey(key)})`;
  if (step === Step.MAP_KEY) return `.keys()[${String(key)}]`;
  if (step === Step.MEMBER) return `.values()[${String(key)}]`;
  if (typeof key === "number" || typeof key === "symbol") return `[${String(key)}]`;
  const text = String(key);
  return IDENTIFIER.test(text) ? `.${shorten(text)}` : `[${JSON.stringify(shorten(text))}]`;
}

function formatMapKey(key: unknown): string {
  if (typeof key === "string") return JSON.stringify(shorten(key));
  if (typeof key === "bigint") return `${key}n`;
  return typeof key === "object" || typeof key === "function" ? "…" : String(key);
}

function shorten(text: string): string {
  return text.length > LONGEST_KEY ? `${text.slice(0, LONGEST_KEY)}…` : text;
}

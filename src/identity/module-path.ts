/**
 * The part of the call stack that lies in the module of a declaration: which calls led there from the module's
 * body, or from the function in it that another script called. Two declarations of one evaluation that are made
 * at the same place, by a helper, differ in this path; those of a loop do not.
 */
import type { StackFrame } from "./stack-frames.ts";

/** How the path of a declaration ends, outwards. */
export type PathEnd =
  /** In the body of the module's script: it is being evaluated. */
  | "body"
  /** In the function that webpack or Turbopack has put around the module: it is being evaluated. */
  | "factory"
  /**
   * In a function without a name of its own, called from another script: a callback, or the work of a tool not
   * known here.
   */
  | "callback"
  /** In a function with a name, called from another script, when the module may long have been evaluated. */
  | "function";

/** The calls from a module's body to a declaration. */
export interface ModulePath {
  /** The script as V8 names it, with whatever query a loader has added; for evaluated code, its `sourceURL`. */
  readonly script: string;
  readonly isEvaluated: boolean;
  /** The places of the calls in the script, nearest first: `line:column`, with a space between. */
  readonly text: string;
  readonly end: PathEnd;
  /** The script from which the last frame was called. */
  readonly caller: string | undefined;
  /** The function in which the path ends, if it is not strict. */
  outermost(): object | undefined;
  /** SHA-256 of the script's text, if V8 provides it. */
  scriptHash(): string | undefined;
}

/** The function that calls webpack's modules, in every bundle that is not minified. */
const WEBPACK_REQUIRE = "__webpack_require__";

/** What Turbopack names the functions that it has put around modules. */
const TURBOPACK_FACTORY = "module evaluation";

/** How the name of a function begins. Tools name the functions that they put around modules after files: `./src/jobs.js`. */
const FUNCTION_NAME = /^[\p{ID_Start}$_#]/u;

/**
 * Follows the stack through one script.
 *
 * @param frames The stack, nearest frame first.
 * @param script The `source` of the frames that count.
 */
export function modulePath(frames: readonly StackFrame[], script: string): ModulePath {
  const own: StackFrame[] = [];
  let caller: string | undefined;
  let callback: { readonly length: number; readonly caller: string | undefined } | undefined;
  for (let index = 0; index < frames.length; index++) {
    const frame = frames[index] as StackFrame; // within its length
    if (frame.source !== script) continue;
    const next = frames[index + 1];
    own.push(frame);
    caller = next?.source;
    if (isBody(frame, next)) return new Path(own, { script, end: "body", caller });
    if (next?.functionName === WEBPACK_REQUIRE || frame.functionName === TURBOPACK_FACTORY)
      return new Path(own, { script, end: "factory", caller });
    if (callback === undefined && caller !== script && !FUNCTION_NAME.test(frame.functionName ?? ""))
      callback = { length: own.length, caller };
  }
  // The stack could not be read, so nothing is known.
  if (own.length === 0) return new Path(own, { script, end: "callback", caller });
  if (callback === undefined) return new Path(own, { script, end: "function", caller });
  return new Path(own.slice(0, callback.length), { script, end: "callback", caller: callback.caller });
}

function isBody(frame: StackFrame, caller: StackFrame | undefined): boolean {
  if (frame.isBody !== undefined) return frame.isBody;
  return (
    frame.functionName === undefined &&
    (caller === undefined || caller.script?.startsWith("node:internal/modules/") === true)
  );
}

class Path implements ModulePath {
  readonly script: string;
  readonly isEvaluated: boolean;
  readonly text: string;
  readonly end: PathEnd;
  readonly caller: string | undefined;
  readonly #frames: readonly StackFrame[];

  constructor(
    frames: readonly StackFrame[],
    known: { readonly script: string; readonly end: PathEnd; readonly caller: string | undefined },
  ) {
    this.script = known.script;
    this.isEvaluated = frames[0]?.script === undefined;
    this.text = frames.length === 1 ? (frames[0]?.position ?? "") : frames.map(placeOf).join(" ");
    this.end = known.end;
    this.caller = known.caller;
    this.#frames = frames;
  }

  outermost(): object | undefined {
    return this.#frames.at(-1)?.function;
  }

  scriptHash(): string | undefined {
    return this.#frames[0]?.hash();
  }
}

function placeOf({ position }: StackFrame): string {
  return position;
}

/**
 * Reads the call stack as data, whatever the program has done to `Error`. It captures and normalises;
 * what the frames mean is for `call-site.ts`. Every change made to `Error` while capturing is undone.
 */
import util from "node:util";

/** One physical frame of the stack; frames of suspended async callers are left out. */
export interface StackFrame {
  /** Absent for code at the top level of a module, for class initialisers and for anonymous functions. */
  readonly functionName: string | undefined;
  /** The script as V8 names it: a `file:` URL for ESM, a path for CommonJS, anything for evaluated code. */
  readonly script: string | undefined;
}

/** A function of any kind, for its identity. */
export type AnyFunction = (...parameters: never) => unknown;

/** Enough to see past a helper or two around the declaration, and cheap enough for a cold path. */
const FRAME_LIMIT = 40;

/** What V8 says instead of a name. */
const UNNAMED = new Set(["", "<anonymous>", "<static_initializer>", "<instance_members_initializer>"]);

interface NodeCallSite {
  readonly functionName: string;
  readonly scriptName: string;
}

type GetCallSites = (frameCount: number, options: { readonly sourceMap: boolean }) => readonly NodeCallSite[];

/**
 * Captures the frames below a function that is on the stack, nearest first.
 *
 * @param below The function whose callers are wanted; it calls this one through `via` others.
 * @param via How many frames lie between this function and `below`. Used where the engine offers no function
 *   identity and a build tool has renamed `below`.
 * @returns No frames when the stack cannot be read.
 */
export function captureFrames(below: AnyFunction, via = 0): readonly StackFrame[] {
  // Absent from Node 20 and from its type declarations. It ignores Error.prepareStackTrace and the like.
  const getCallSites = (util as { getCallSites?: GetCallSites }).getCallSites;
  return typeof getCallSites === "function"
    ? nodeFrames(getCallSites, below, via)
    : (structuredFrames(below) ?? textFrames(below));
}

function nodeFrames(getCallSites: GetCallSites, below: AnyFunction, via: number): readonly StackFrame[] {
  // The raw script is wanted: it is what a worker can import. A source map would name the source instead.
  const sites = getCallSites(FRAME_LIMIT, { sourceMap: false });
  // [0] is this function, [1] captureFrames, then `via` more, then `below`, or a little further.
  const expected = 2 + via;
  const named = sites.findIndex(
    ({ functionName }, index) => index > 1 && index < expected + 4 && functionName === below.name,
  );
  const index = named === -1 || below.name === "" ? expected : named;
  return sites.slice(index + 1).map(({ functionName, scriptName }) => frame(functionName, scriptName));
}

/** Frames through `Error.prepareStackTrace`; `undefined` if `Error` cannot be changed. */
function structuredFrames(below: AnyFunction): readonly StackFrame[] | undefined {
  const limit = override("stackTraceLimit", FRAME_LIMIT);
  const prepare = override("prepareStackTrace", (_: unknown, sites: readonly NodeJS.CallSite[]) => sites);
  try {
    if (prepare === undefined) return undefined;
    const sites = readStack(below);
    // Functions of the engine itself (Array.prototype.map) have no script and are not evaluated code.
    return Array.isArray(sites)
      ? (sites as NodeJS.CallSite[])
          .filter(isOwnFrame)
          .map((site) => frame(site.getFunctionName(), site.getFileName()))
      : undefined;
  } finally {
    prepare?.();
    limit?.();
  }
}

function isOwnFrame(site: NodeJS.CallSite): boolean {
  const { isAsync } = site as { isAsync?: () => boolean };
  return isAsync?.call(site) !== true && (typeof site.getFileName() === "string" || site.isEval());
}

/** The last resort, for a frozen `Error`: V8's text, unless the user has it formatted. */
function textFrames(below: AnyFunction): readonly StackFrame[] {
  const formatter: unknown = Error.prepareStackTrace;
  // Some versions of Node show their own formatter there; a user's may name other files than those that run.
  if (typeof formatter === "function" && formatter.name !== "ErrorPrepareStackTrace") return [];
  const stack = readStack(below);
  if (typeof stack !== "string") return [];
  const frames: StackFrame[] = [];
  for (const line of stack.split("\n")) {
    const match = /^\s+at (?!async )(?:(?:new )?(.*?) (?:\[as .*?\] )?\()?(.*?):\d+:\d+\)?$/.exec(line);
    if (match !== null) frames.push(frame(match[1]?.replace(/^Object\.<anonymous>$/, ""), match[2]));
  }
  return frames;
}

function readStack(below: AnyFunction): unknown {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack;
}

function frame(functionName: string | null | undefined, script: string | null | undefined): StackFrame {
  return {
    functionName: functionName == null || UNNAMED.has(functionName) ? undefined : functionName,
    script: script == null || script === "" ? undefined : script,
  };
}

/** Sets a property of `Error`; returns what puts its descriptor back, or `undefined` if it cannot be set. */
function override(key: "stackTraceLimit" | "prepareStackTrace", value: unknown): (() => void) | undefined {
  const before = Object.getOwnPropertyDescriptor(Error, key);
  const during = { value, writable: true, enumerable: before?.enumerable ?? true, configurable: true };
  if (Reflect.defineProperty(Error, key, during)) {
    return () => {
      if (before === undefined) Reflect.deleteProperty(Error, key);
      else Object.defineProperty(Error, key, before);
    };
  }
  // Not configurable. It may still be writable, as a plain value.
  if (before?.writable !== true || !Reflect.set(Error, key, value)) return undefined;
  return () => {
    Reflect.set(Error, key, before.value);
  };
}

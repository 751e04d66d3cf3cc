/**
 * Reads the call stack as data, whatever the program has done to `Error`. It captures and normalises;
 * `call-site.ts` interprets the frames. Every change made to `Error` while capturing is undone.
 */
import util from "node:util";
import { hasUsualFormatter, override } from "../internal/error-settings.ts";

/** One physical frame of the stack; frames of suspended async callers are left out. */
export interface StackFrame {
  /** Absent for code at the top level of a module, for class initialisers and for anonymous functions. */
  readonly functionName: string | undefined;
  /** The script as V8 names it: a `file:` URL for ESM, a path for CommonJS; absent for evaluated code. */
  readonly script: string | undefined;
  /** As `script`, but of evaluated code the `sourceURL` that it states. */
  readonly source: string | undefined;
  /** Where in the script the call is, as `line:column`. */
  readonly position: string;
  /** Whether the frame is the body of a whole script, as a module is; `undefined` if that cannot be determined. */
  readonly isBody: boolean | undefined;
  /** The function itself, if V8 provides it: not in strict code. */
  readonly function: object | undefined;
  /**
   * SHA-256 of the script's text in hexadecimal; `undefined` if V8 does not provide it. Costs 10 ms per megabyte,
   * once.
   */
  hash(): string | undefined;
}

/** The frames below a function, nearest first. */
export interface CapturedStack {
  readonly frames: readonly StackFrame[];
  /** Whether there are no more than these. */
  readonly isWhole: boolean;
}

/** A function of any kind, for its identity. */
export type AnyFunction = (...parameters: never) => unknown;

/** Texts that V8 shows instead of a name. */
const UNNAMED = new Set(["", "<anonymous>", "<static_initializer>", "<instance_members_initializer>"]);

/** V8's name for the outermost function of code that `eval()` or `new Function()` runs. */
const EVALUATED = "eval";

interface NodeCallSite {
  readonly functionName: string;
  readonly scriptName: string;
  readonly lineNumber: number;
  readonly column: number;
}

type GetCallSites = (frameCount: number, options: { readonly sourceMap: boolean }) => readonly NodeCallSite[];

/**
 * Captures the frames below a function that is on the stack.
 *
 * @param below The function whose callers are wanted; it calls this one through others.
 * @param options `limit`: how many frames to look at, at most. `via`: how many frames lie between this function
 *   and `below`. Used if the engine offers no function identity and a build tool has renamed `below`.
 * @returns No frames when the stack cannot be read.
 */
export function captureFrames(
  below: AnyFunction,
  options: { readonly limit: number; readonly via: number },
): CapturedStack {
  return structuredFrames(below, options.limit) ?? nodeFrames(below, options) ?? textFrames(below);
}

/** A frame that reads from V8's call site only the fields that are asked for. */
class StructuredFrame implements StackFrame {
  readonly functionName: string | undefined;
  readonly script: string | undefined;
  readonly source: string | undefined;
  readonly #site: NodeJS.CallSite;

  constructor(site: NodeJS.CallSite) {
    this.functionName = nameOf(site.getFunctionName());
    this.script = textOf(site.getFileName());
    this.source = this.script ?? textOf(site.getScriptNameOrSourceURL());
    this.#site = site;
  }

  get position(): string {
    return `${this.#site.getLineNumber()}:${this.#site.getColumnNumber()}`;
  }

  /** The first thing in its script; behind a wrapper that does not count as text of the script, in no column at all. */
  get isBody(): boolean {
    if (this.functionName === EVALUATED && this.#site.isEval()) return true;
    if (this.functionName !== undefined || this.#site.getEnclosingLineNumber() !== 1) return false;
    const column = this.#site.getEnclosingColumnNumber();
    return column === null || column === 1;
  }

  get function(): object | undefined {
    return this.#site.getFunction() ?? undefined;
  }

  hash(): string | undefined {
    return this.#site.getScriptHash() || undefined;
  }
}

/** Frames through `Error.prepareStackTrace`; `undefined` if `Error` cannot be changed. */
function structuredFrames(below: AnyFunction, limit: number): CapturedStack | undefined {
  const restoreLimit = override("stackTraceLimit", limit);
  const restorePrepare = override(
    "prepareStackTrace",
    (_: unknown, sites: readonly NodeJS.CallSite[]) => sites,
  );
  try {
    if (restorePrepare === undefined) return undefined;
    const sites = readStack(below);
    if (!Array.isArray(sites)) return undefined;
    const frames: StackFrame[] = [];
    for (const site of sites as NodeJS.CallSite[])
      if (isOwnFrame(site)) frames.push(new StructuredFrame(site));
    return { frames, isWhole: sites.length < limit };
  } finally {
    restorePrepare?.();
    restoreLimit?.();
  }
}

/** Functions of the engine itself (Array.prototype.map) have no script and are not evaluated code. */
function isOwnFrame(site: NodeJS.CallSite): boolean {
  const { isAsync } = site as { isAsync?: () => boolean };
  return isAsync?.call(site) !== true && (typeof site.getFileName() === "string" || site.isEval());
}

/**
 * Frames from Node's own function (since version 22), which ignores Error.prepareStackTrace and the like.
 * `undefined` if this Node has no such function.
 */
function nodeFrames(
  below: AnyFunction,
  { limit, via }: { readonly limit: number; readonly via: number },
): CapturedStack | undefined {
  const getCallSites = (util as { getCallSites?: GetCallSites }).getCallSites;
  if (typeof getCallSites !== "function") return undefined;
  // [0] is this function, [1] captureFrames, then `via` more, then `below`, or a little further.
  const expected = 2 + via;
  // The raw script is wanted: it is what a worker can import. A source map would name the source instead.
  const asked = limit + expected + 1;
  const sites = getCallSites(asked, { sourceMap: false });
  const named = sites.findIndex(
    ({ functionName }, index) => index > 1 && index < expected + 4 && functionName === below.name,
  );
  const index = named === -1 || below.name === "" ? expected : named;
  const frames = sites
    .slice(index + 1)
    .map(({ functionName, scriptName, lineNumber, column }) =>
      plainFrame(functionName, scriptName, `${lineNumber}:${column}`),
    );
  return { frames, isWhole: sites.length < asked };
}

/** The last resort, for a frozen `Error`: V8's text, unless the user has it formatted. */
function textFrames(below: AnyFunction): CapturedStack {
  const frames: StackFrame[] = [];
  // The program's may name other files than those that run.
  const stack = hasUsualFormatter() ? readStack(below) : undefined;
  if (typeof stack !== "string") return { frames, isWhole: true };
  for (const line of stack.split("\n")) {
    const match = /^\s+at (?!async )(?:(?:new )?(.*?) (?:\[as .*?\] )?\()?(.*?):(\d+:\d+)\)?$/.exec(line);
    if (match === null) continue;
    frames.push(plainFrame(match[1]?.replace(/^Object\.<anonymous>$/, ""), match[2], match[3] ?? ""));
  }
  return { frames, isWhole: true }; // its length cannot be changed either
}

function plainFrame(
  functionName: string | undefined,
  scriptName: string | undefined,
  position: string,
): StackFrame {
  const script = textOf(scriptName);
  return {
    functionName: nameOf(functionName),
    script,
    source: script,
    position,
    isBody: undefined,
    function: undefined,
    hash: () => undefined,
  };
}

function readStack(below: AnyFunction): unknown {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, below);
  return holder.stack;
}

function nameOf(functionName: string | null | undefined): string | undefined {
  return functionName == null || UNNAMED.has(functionName) ? undefined : functionName;
}

function textOf(script: string | null | undefined): string | undefined {
  return script == null || script === "" ? undefined : script;
}

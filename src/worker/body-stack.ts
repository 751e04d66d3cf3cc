/**
 * Where the frames of a body end in a stack, and those of this library begin, which tell its user nothing. Every body
 * is run by the functions here, so that their own frames mark the place; and a stack that nobody has looked at is
 * written only up to there, which is most of what an error that is thrown costs.
 */
import { hasUsualFormatter, override } from "../internal/error-settings.ts";

/** A generator of either kind. */
export type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

type Formatter = (error: unknown, sites: readonly NodeJS.CallSite[]) => unknown;

type Body = (...parameters: never[]) => unknown;

/** The frame between that of a generator and ours: of the engine's own method. */
const ENGINE_FRAME = /\n {4}at .*\b(?:next|throw|return) \(<anonymous>\)$/;

/** The lines that the frames of this file have in stacks, each with the line break before it. */
let ours: readonly string[] | undefined;
/** Whether they are those of the sources. */
let oursAreMapped = false;

/** Calls a body. */
export function startBody(body: Body, receiver: unknown, parameters: readonly unknown[]): unknown {
  return Reflect.apply(body, receiver, parameters);
}

/** Runs a generator up to its next `yield`. */
export function resumeBody(
  generator: AnyGenerator,
  method: "next" | "throw" | "return",
  value: unknown,
): unknown {
  switch (method) {
    case "next":
      return generator.next(value);
    case "throw":
      return generator.throw(value);
    case "return":
      return generator.return(value);
  }
}

/**
 * Reads the stack of an error that a body has thrown, up to the body. In a formatter of the program's own a stack is
 * whatever that makes of it.
 *
 * @throws What reading it throws.
 */
export function bodyStack(error: object): unknown {
  if (!hasUsualFormatter()) return read(error);
  const isMapped = process.sourceMapsEnabled;
  if (ours === undefined || isMapped !== oursAreMapped) {
    ours = findOurs();
    oursAreMapped = isMapped;
  }
  const { prepareStackTrace } = Error;
  // Node writes the first lines of its own errors in its own way, and mapped lines too.
  const restore =
    isMapped || prepareStackTrace === undefined
      ? undefined
      : override("prepareStackTrace", formatterUpToBody(prepareStackTrace as Formatter, ours));
  let stack: unknown;
  try {
    stack = read(error);
  } finally {
    restore?.();
  }
  if (typeof stack !== "string") return stack;
  const message: unknown = Object.getOwnPropertyDescriptor(error, "message")?.value;
  return upToBody(stack, { message: typeof message === "string" ? message : "", ours });
}

/** Formats as Node's formatter does, which writes a line for each frame, but none behind the first of ours. */
function formatterUpToBody(nodes: Formatter, ours: readonly string[]): Formatter {
  return (error, sites) => {
    let text = String(nodes(error, []));
    for (const site of sites) {
      const line = `\n    at ${site}`;
      text += line;
      if (ours.includes(line)) break;
    }
    return text;
  };
}

/** The message may hold a stack as well, of which nothing is cut. */
function upToBody(
  stack: string,
  { message, ours }: { readonly message: string; readonly ours: readonly string[] },
): string {
  const from = stack.indexOf(message) + message.length;
  let end = -1;
  for (const line of ours) end = Math.max(end, stack.lastIndexOf(line));
  // Below the mark of a worker are frames of its caller.
  if (end < from || stack.includes("\n    at [", end)) return stack;
  return stack.slice(0, end).replace(ENGINE_FRAME, "");
}

function read(error: object): unknown {
  return (error as { readonly stack?: unknown }).stack;
}

/** Finds out how our frames are written, by looking at them. */
function findOurs(): readonly string[] {
  const lines: string[] = [];
  const look = () => {
    const holder: { readonly stack?: unknown } = {};
    Error.captureStackTrace(holder, look);
    const line = /\n {4}at .*/.exec(String(holder.stack))?.[0];
    if (line !== undefined) lines.push(line);
  };
  const restore = override("stackTraceLimit", 10);
  try {
    startBody(look, undefined, []);
    const generator = { next: look, throw: look, return: look } as unknown as AnyGenerator; // as far as we need one
    for (const method of ["next", "throw", "return"] as const) resumeBody(generator, method, undefined);
  } finally {
    restore?.();
  }
  return lines;
}

/**
 * Rebuilds errors without running a constructor of user code. An error of a class that is not known here
 * becomes a `RemoteError` with the original's name, fields and stack. A message is a value, and stays as it was; the
 * stack is for people, and holds nothing that a terminal would obey.
 */
import { errorCatalogue, shownMessage } from "../../errors/merino-error.ts";
import { RemoteError } from "../../errors/remote-error.ts";
import { deferStack } from "../../internal/lazy-stack.ts";
import { shownLines } from "../../internal/shown-text.ts";
import { inheritsFromError } from "../brands.ts";
import { builtInErrorClass, type ErrorConstructor } from "../built-in-errors.ts";
import { ErrorOrigin } from "../format.ts";
import type { PortableClass } from "../references.ts";
import { type Decoding, defineField } from "./decoding.ts";

/** To put off the work on a shorter stack, in code units, takes longer than to do it. */
const SHORT_STACK = 150;
/** Of a longer one only the part that is shown is kept. */
const LONG_STACK = 65_536;

/** Reads the body of an error. */
export function readError(decoding: Decoding): unknown {
  decoding.enter();
  const origin = decoding.readCount();
  if (origin > ErrorOrigin.UNKNOWN) decoding.fail("an error has an unknown origin");
  const byReference = origin === ErrorOrigin.PORTABLE || origin === ErrorOrigin.HOOKED;
  const reference = byReference ? decoding.readClass() : undefined;
  // If two classes claim the same name, neither is used: the error then arrives like one of an unregistered class.
  const meant = reference?.portable;
  const known = meant?.conflict === undefined && isMadeAs(origin, meant) ? meant : undefined;
  const named = reference === undefined ? decoding.readString() : "";
  const name = decoding.readOptionalString();
  const index = decoding.reserve();
  const message = decoding.readOptionalString();
  const stack = decoding.readOptionalString();
  let error: unknown;
  if (origin === ErrorOrigin.HOOKED) {
    error = readHooked(decoding, { hook: known?.decode, name, message });
    decoding.settle(index, error);
    if (error instanceof Error && stack !== undefined) setStack(error, stack);
  } else {
    const portable = known?.constructor;
    const made =
      portable === undefined ? create(origin, { named, name, message }) : construct(portable, message);
    error = made;
    decoding.settle(index, made);
    setStack(made, stack ?? `${name ?? named}: ${message ?? ""}`);
    readHidden(decoding, made);
    readFieldsOf(decoding, made);
    if (origin === ErrorOrigin.BUILT_IN && stack !== undefined) showCode(made, stack);
  }
  decoding.leave();
  return error;
}

/**
 * Whether a class's instances are made as the payload says. One with hooks makes them by itself, and is not to be gone
 * round by a peer that calls the instance an error without; nor is a class that is none of errors to be had in this way.
 */
function isMadeAs(origin: number, portable: PortableClass | undefined): boolean {
  if (portable === undefined || origin === ErrorOrigin.HOOKED) return true;
  return portable.decode === undefined && inheritsFromError(portable.constructor.prototype as object);
}

function readHooked(
  decoding: Decoding,
  details: {
    hook: ((value: unknown) => object) | undefined;
    name: string | undefined;
    message: string | undefined;
  },
): unknown {
  const value = decoding.readValue();
  if (details.hook !== undefined) return decoding.runHook(details.hook, value);
  const error = remote(details.name ?? "Error", details.message);
  Object.defineProperty(error, "value", { value, writable: true, enumerable: true, configurable: true });
  return error;
}

function create(
  origin: number,
  { named, name, message }: { named: string; name: string | undefined; message: string | undefined },
): object {
  if (origin === ErrorOrigin.MERINO) {
    const known = errorCatalogue().get(named);
    if (known !== undefined) {
      const { errorClass } = known;
      return construct(errorClass, message === undefined ? undefined : shownMessage(errorClass, message));
    }
  }
  if (origin === ErrorOrigin.BUILT_IN) {
    if (named === "DOMException") return withoutStack(() => new DOMException(message ?? "", name ?? "Error"));
    const known = builtInErrorClass(named);
    if (named === "QuotaExceededError") {
      const Quota = known as (new (message: string) => object) | undefined;
      return Quota === undefined ? new DOMException(message ?? "", named) : new Quota(message ?? "");
    }
    if (known !== undefined) return construct(known, message);
  }
  return remote(named === "" ? (name ?? "Error") : named, message);
}

/**
 * Node's own errors print as `Name [CODE]: message`. If the stack shows that this was one, makes `toString` print
 * that here too.
 */
function showCode(error: object, stack: string): void {
  const { name, code, toString } = error as { name?: unknown; code?: unknown; toString?: unknown };
  if (typeof code !== "string" || toString !== Error.prototype.toString) return;
  if (error instanceof AggregateError || !stack.startsWith(`${String(name)} [${code}]: `)) return;
  hide(error, "toString", textWithCode);
}

function textWithCode(this: Error & { code: unknown }): string {
  return `${this.name} [${String(this.code)}]: ${this.message}`;
}

/**
 * The classes whose constructor sets the message and nothing else. For these the engine makes no hidden class for each
 * instance, as it does where another constructor is called in their place.
 */
const PLAIN: ReadonlySet<unknown> = new Set(
  [
    "Error",
    "EvalError",
    "RangeError",
    "ReferenceError",
    "SyntaxError",
    "TypeError",
    "URIError",
    "CompileError",
    "LinkError",
    "RuntimeError",
  ].map(builtInErrorClass),
);

/** Makes an error with the class's prototype, without running the class's constructor, unless that is one of `PLAIN`. */
function construct(errorClass: ErrorConstructor, message: string | undefined): object {
  const parameters = message === undefined ? [] : [message];
  return withoutStack(() => {
    if (PLAIN.has(errorClass)) return new (errorClass as typeof Error)(...parameters);
    if (errorClass === AggregateError)
      return withPrototype(new Error(...parameters), AggregateError.prototype);
    return Reflect.construct(Error, parameters, errorClass) as object;
  });
}

function withPrototype(error: Error, prototype: object): object {
  return Object.setPrototypeOf(error, prototype) as object;
}

function remote(name: string, message: string | undefined): RemoteError {
  const error = withoutStack(() => new RemoteError(name, message ?? ""));
  hide(error, "name", name);
  return error;
}

/** Few stacks are looked at, so what is to be done to their text waits until then. */
function setStack(error: object, stack: string): void {
  if (stack.length < SHORT_STACK || stack.length > LONG_STACK) writeStack(error, shownLines(stack));
  else deferStack(error, () => shownLines(stack));
}

/** An error has a stack from the start, and to write to it costs far less than to define it anew. */
function writeStack(error: object, stack: string): void {
  if (Object.hasOwn(error, "stack")) (error as Error).stack = stack;
  else hide(error, "stack", stack);
}

/** Runs a constructor without the cost of capturing a stack that is about to be replaced. */
function withoutStack<T>(make: () => T): T {
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  if (limit?.writable !== true) return make();
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit.value as number;
  }
}

function hide(error: object, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true });
}

function readHidden(decoding: Decoding, error: object): void {
  for (let rest = readMapHead(decoding); rest > 0; rest--) {
    const key = decoding.readKey();
    hide(error, key, decoding.readValue());
  }
}

/**
 * Reads fields into an object that is not a plain one: a key that the object or its prototype already has is
 * defined, not assigned, so no setter runs.
 */
export function readFieldsOf(decoding: Decoding, object: object): void {
  for (let rest = readMapHead(decoding); rest > 0; rest--) {
    const key = decoding.readKey();
    const assignable = !(key in object);
    defineField(object, key, { value: decoding.readValue(), assignable });
  }
}

/** The number of entries of a map, checked against the bytes left. */
export function readMapHead(decoding: Decoding): number {
  const token = decoding.readByte();
  let count: number;
  if (token >= 0x80 && token <= 0x8f) count = token & 0x0f;
  else if (token === 0xde) count = decoding.readUint16();
  else if (token === 0xdf) count = decoding.readUint32();
  else return decoding.fail("fields were expected");
  decoding.need(count * 2);
  return count;
}

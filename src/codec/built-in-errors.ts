/**
 * The error classes of the language and the platform: which of them an error counts as, and the class that
 * bears a name. Node's own code throws instances of classes that it hides below these; nobody can import
 * or register those, so their instances count as the class above. An instance of a class that a program
 * declares never does.
 */
import { intrinsicName } from "./brands.ts";
import { BUILT_IN_ERRORS } from "./format.ts";

/** A class whose instances are errors. */
export type ErrorConstructor = abstract new (...parameters: never[]) => object;

type Classes = Readonly<Record<string, ErrorConstructor | undefined>>;

const NAMES: ReadonlySet<string> = new Set(BUILT_IN_ERRORS);

/** The name of the built-in class that an error counts as, or `undefined` if a program declares its class. */
export function builtInErrorName(error: object, prototype: object | null): string | undefined {
  for (let level = prototype; level !== null; level = Object.getPrototypeOf(level) as object | null) {
    const name = nameOf(level);
    if (name !== undefined) return name;
    if (!isHiddenInNode(level, error)) return undefined;
  }
  return undefined;
}

/** The built-in error class of that name; `undefined` if this runtime has none. */
export function builtInErrorClass(name: string): ErrorConstructor | undefined {
  if (!NAMES.has(name)) return undefined;
  if (name === "AssertionError") return assertionErrorClass();
  const { WebAssembly, [name]: found } = globalThis as unknown as Classes & { WebAssembly?: Classes };
  return WebAssembly?.[name] ?? found;
}

function nameOf(prototype: object): string | undefined {
  const name = intrinsicName(prototype);
  if (name !== undefined) return NAMES.has(name) ? name : undefined;
  const constructor = ownConstructor(prototype)?.value as { readonly name?: unknown } | undefined;
  const claimed = constructor?.name;
  // These classes are written in JavaScript, so nothing else tells them from a program's class of the same name.
  if (claimed !== "DOMException" && claimed !== "QuotaExceededError" && claimed !== "AssertionError") {
    return undefined;
  }
  return constructor === (builtInErrorClass(claimed) as unknown) ? claimed : undefined;
}

/** Whether a prototype belongs to a class that Node keeps to itself. */
function isHiddenInNode(prototype: object, error: object): boolean {
  const constructor = ownConstructor(prototype);
  if (constructor === undefined) return false;
  if (constructor.get !== undefined) {
    // Such a class says that its instances were made by the class above it: a built-in one, as a rule.
    const claimed = constructor.get.call(error) as { readonly prototype?: unknown } | null | undefined;
    const above = claimed?.prototype;
    if (typeof above === "object" && above !== null && NAMES.has(intrinsicName(above) ?? "")) return true;
  }
  secrets ??= findSecrets();
  if (secrets.symbol !== undefined && secrets.symbol in error) return true;
  return prototype === secrets.abortErrorPrototype;
}

function ownConstructor(prototype: object): PropertyDescriptor | undefined {
  return Object.getOwnPropertyDescriptor(prototype, "constructor");
}

/** Marks by which Node's own errors are recognised when their `constructor` does not tell. */
interface Secrets {
  /** Marks the errors that have a code, on themselves or on a prototype. */
  readonly symbol: symbol | undefined;
  readonly abortErrorPrototype: object | undefined;
}

let secrets: Secrets | undefined;

function findSecrets(): Secrets {
  const coded = provoke(() => Buffer.alloc(-1));
  let symbol: symbol | undefined;
  for (let level = coded; level !== undefined; level = Object.getPrototypeOf(level) ?? undefined) {
    symbol ??= Object.getOwnPropertySymbols(level).find(({ description }) => description === "kIsNodeError");
  }
  const { EventEmitter, on } = process.getBuiltinModule("node:events");
  const aborted = provoke(() => on(new EventEmitter(), "event", { signal: AbortSignal.abort() }));
  const prototype = aborted === undefined ? undefined : (Object.getPrototypeOf(aborted) as object);
  const isAbortError = prototype?.constructor.name === "AbortError";
  return { symbol, abortErrorPrototype: isAbortError ? prototype : undefined };
}

function provoke(action: () => unknown): object | undefined {
  try {
    action();
  } catch (error) {
    return error as object;
  }
  return undefined;
}

let assertionError: ErrorConstructor | undefined;

/** Loaded when it is first needed: most programs never see one. */
function assertionErrorClass(): ErrorConstructor {
  assertionError ??= process.getBuiltinModule("node:assert").AssertionError;
  return assertionError;
}

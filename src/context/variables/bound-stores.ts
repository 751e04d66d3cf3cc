/** `AsyncLocalStorage`s of the program, or of libraries in it, whose stores travel with calls, outwards only. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { assertKnownOptions } from "../../errors/check-options.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { processWide } from "../../internal/process-wide.ts";
import { noteContext } from "../scope.ts";
import { type Binding, type Bindings, OwnBinding } from "./bindings.ts";

/** How a store travels. */
export interface BoundStoreOptions<S, V> {
  /** Its name, which must be unique in the program and its workers. */
  readonly name: string;
  /** Makes a value that can be sent. Default: the store itself is sent. `undefined` sends nothing. */
  readonly encode?: (store: S) => V;
  /** Makes a store of the value that has come. Default: the value is the store. */
  readonly decode?: (value: V) => S;
}

interface BoundStore {
  readonly storage: AsyncLocalStorage<unknown>;
  readonly encode: (store: unknown) => unknown;
  readonly decode: (value: unknown) => unknown;
}

const bound = processWide("context.stores", () => new Map<string, BoundStore>());

/**
 * Lets the store of an `AsyncLocalStorage` travel with calls: the logger, tenant or request that a program has in one
 * is there in the bodies of routines too. Call it once for each, in a module that workers import as well. What bodies
 * change stays with them; for what is to come back, there is {@link ContextVar}.
 *
 * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION, fault: caller) for an option of a wrong type.
 * @example
 * import { AsyncLocalStorage } from "node:async_hooks";
 *
 * const requests = new AsyncLocalStorage<{ readonly id: string }>();
 * bindStore(requests, { name: "request" });
 */
export function bindStore<S, V = S>(storage: AsyncLocalStorage<S>, options: BoundStoreOptions<S, V>): void {
  if (typeof (storage as { getStore?: unknown } | undefined)?.getStore !== "function") {
    throw new InvalidOptionError("storage", { value: storage, expected: "an AsyncLocalStorage" });
  }
  assertKnownOptions(options, { name: true, encode: true, decode: true });
  const { name, encode = same, decode = same } = options;
  if (typeof name !== "string" || name === "") {
    throw new InvalidOptionError("name", { value: name, expected: "a text that is not empty" });
  }
  for (const [option, hook] of Object.entries({ encode, decode })) {
    if (typeof hook !== "function")
      throw new InvalidOptionError(option, { value: hook, expected: "a function" });
  }
  bound.set(name, {
    storage: storage as AsyncLocalStorage<unknown>,
    encode: encode as BoundStore["encode"],
    decode: decode as BoundStore["decode"],
  });
  noteContext();
}

function same(value: unknown): never {
  return value as never;
}

/**
 * What the stores hold here.
 *
 * @param received What has come with the running task: of a store that this process does not know, it goes on.
 */
export function storesToSend(received: Bindings): Bindings {
  if (bound.size === 0) return received;
  const stores = new Map<string, Binding>();
  for (const [name, binding] of received) {
    if (!bound.has(name)) stores.set(name, binding);
  }
  for (const [name, { storage, encode }] of bound) {
    const store = storage.getStore();
    if (store === undefined) continue;
    const value = encode(store);
    if (value !== undefined) stores.set(name, new OwnBinding(value));
  }
  return stores;
}

/**
 * The stores that have come and are known here, ready to be entered.
 *
 * @throws What a store's `decode` throws.
 */
export function storesToEnter(received: Bindings): readonly EnteredStore[] {
  const entered: EnteredStore[] = [];
  if (bound.size === 0) return entered;
  for (const [name, binding] of received) {
    const store = bound.get(name);
    if (store !== undefined) entered.push({ storage: store.storage, store: store.decode(binding.value) });
  }
  return entered;
}

/** A store, and where it belongs. */
export interface EnteredStore {
  readonly storage: AsyncLocalStorage<unknown>;
  readonly store: unknown;
}

/** Runs a function in stores. */
export function runInStores<R>(stores: readonly EnteredStore[], fn: () => R): R {
  let run = fn;
  for (const { storage, store } of stores) {
    const inner = run;
    run = () => storage.run(store, inner);
  }
  return run();
}

/**
 * What the compiler knows about each kind of routine: async and plain functions, async and plain generators,
 * those with generics or overloads, and methods. Compiled and never run.
 */
import {
  currentTask,
  type EachResult,
  type MapOptions,
  perWorker,
  portable,
  type Routine,
  routine,
  routines,
  WorkerPool,
} from "../../src/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Accepts only a type that is exactly the one expected. */
function expectType<Expected>(): <Actual>(value: Actual, same: Same<Actual, Expected>) => void {
  return () => undefined;
}

// The six kinds: async function, function, function that gives a promise, async generator, generator, method.

const asyncFunction = routine(async function asyncFunction(
  x: number,
  label = "a",
  ...rest: readonly boolean[]
) {
  return { x, label, rest };
});
const plainFunction = routine(function plainFunction(x: number, y?: string) {
  return y ?? x;
});
const promising = routine(function promising(x: number) {
  return Promise.resolve(x);
});
const asyncGenerator = routine(async function* asyncGenerator(
  from: number,
): AsyncGenerator<number, "done", boolean> {
  while ((yield from--) && from > 0);
  return "done";
});
const plainGenerator = routine(function* plainGenerator(text: string): Generator<string, number, Date> {
  const at = yield text;
  return at.getTime();
});
const maybePromise = routine(function maybePromise(x: number): number | Promise<string> {
  return x > 0 ? x : Promise.resolve("none");
});

type Answer = { x: number; label: string; rest: readonly boolean[] };

expectType<Promise<Answer>>()(asyncFunction(1), true);
expectType<Promise<Answer>>()(asyncFunction(1, "b", true, false), true);
expectType<Promise<string | number>>()(plainFunction(1), true);
expectType<Promise<string | number>>()(plainFunction(1, "b"), true);
expectType<Promise<number>>()(promising(1), true);
expectType<AsyncGenerator<number, "done", boolean>>()(asyncGenerator(3), true);
expectType<AsyncGenerator<string, number, Date>>()(plainGenerator("a"), true);
expectType<Promise<string | number>>()(maybePromise(1), true);
declare const parameters: Parameters<typeof plainFunction>;
expectType<[x: number, y?: string | undefined]>()(parameters, true);

// Yields, what is sent in, and returns of generators.

async function generators(): Promise<void> {
  for await (const [key, value] of pairs({ a: 1 })) {
    expectType<"a">()(key, true);
    expectType<number>()(value, true);
  }
  // @ts-expect-error A generator that is to be sent values cannot be iterated, as one that runs here.
  for await (const text of plainGenerator("a")) void text;
  const step = await plainGenerator("a").next(new Date());
  if (step.done === true) expectType<number>()(step.value, true);
  else expectType<string>()(step.value, true);
  const ended = await asyncGenerator(3).return("done");
  if (ended.done === true) expectType<"done">()(ended.value, true);
  // @ts-expect-error What is sent in keeps its type.
  await plainGenerator("a").next("now");
  // @ts-expect-error What is returned keeps its type.
  await asyncGenerator(3).return("gone");
}

// A generator of inferred types.

const inferred = routine(function* inferred(to: number) {
  for (let n = 0; n < to; n++) yield n;
});
async function inferredGenerator(): Promise<void> {
  for await (const n of inferred(3)) expectType<number>()(n, true);
}

// A plain generator may yield promises; their values arrive.

const promises = routine(function* promises(): Generator<Promise<number>, void, void> {
  yield Promise.resolve(1);
});
expectType<AsyncGenerator<number, void, void>>()(promises(), true);

// Generics and overloads of asynchronous functions.

const first = routine(async function first<T>(values: readonly T[]): Promise<T | undefined> {
  return values[0];
});
const pairs = routine(async function* pairs<K extends string, V>(
  record: Readonly<Record<K, V>>,
): AsyncGenerator<[K, V], void, void> {
  for (const key of Object.keys(record) as K[]) yield [key, record[key]];
});
function overloadedBody(value: string): Promise<string>;
function overloadedBody(value: number): Promise<number>;
async function overloadedBody(value: string | number): Promise<string | number> {
  return value;
}
const overloaded = routine(overloadedBody);

expectType<Promise<string | undefined>>()(first(["a"]), true);
expectType<Promise<1 | 2 | undefined>>()(first<1 | 2>([1]), true);
expectType<Promise<string | undefined>>()(first.with({ timeout: 1 })(["a"]), true);
expectType<AsyncGenerator<["a" | "b", number], void, void>>()(pairs({ a: 1, b: 2 }), true);
expectType<Promise<string>>()(overloaded("a"), true);
expectType<Promise<number>>()(overloaded(1), true);
expectType<Promise<string>>()(overloaded.local("a"), true);
// @ts-expect-error No overload takes it.
void overloaded(true);
// @ts-expect-error A type parameter keeps its bound.
void pairs(new Map([[1, 2]]), 1);

// Without annotations, in every form in which parameters come.

const identity = routine(async function identity<T>(x: T) {
  return x;
});
const numbered = routine(async function* numbered<T>(values: Iterable<T>) {
  let n = 0;
  for (const value of values) yield [n++, value] as const;
});
const keyed = routine(async <T extends object, K extends keyof T = keyof T>(value: T, ...keys: K[]) =>
  keys.map((key) => value[key]),
);
const shaped = routine(async function shaped(this: Date, x: number, y?: string, ...rest: boolean[]) {
  return [this.getTime(), x, y, rest] as const;
});
const defaulted = routine(function defaulted(x = 1, { y = "a", z }: { y?: string; z?: boolean } = {}) {
  return { x, y, z };
});

async function generics(): Promise<void> {
  expectType<number>()(await identity(3), true);
  expectType<{ a: string }>()(await identity.with({ timeout: 1 })({ a: "b" }), true);
  expectType<string>()(await identity.local("a"), true);
  for await (const step of numbered(["a"])) expectType<readonly [number, string]>()(step, true);
  expectType<string[]>()(await keyed({ a: "b", c: 1 }, "a"), true);
  // @ts-expect-error A type parameter keeps its bound.
  await keyed({ a: "b" }, "c");
}
expectType<Promise<readonly [number, number, string | undefined, boolean[]]>>()(
  shaped.call(new Date(), 1, undefined, true),
  true,
);
// @ts-expect-error What is optional keeps its type.
void shaped.call(new Date(), 1, 2);
// @ts-expect-error So does what follows.
void shaped.call(new Date(), 1, "a", "b");
// @ts-expect-error A receiver that is declared has to be one.
void shaped.call(1, 1);
expectType<Promise<{ x: number; y: string; z: boolean | undefined }>>()(defaulted(), true);
expectType<Promise<{ x: number; y: string; z: boolean | undefined }>>()(defaulted(2, { y: "b" }), true);
// @ts-expect-error A default keeps its type.
void defaulted("1");

// A result that depends on type parameters by a key, which the compiler calls `any` while it compares.

const picked = routine(async function picked<T extends object, K extends keyof T>(value: T, key: K) {
  return value[key];
});
const pickedSteps = routine(async function* pickedSteps<T extends object, K extends keyof T>(
  value: T,
  ...keys: K[]
) {
  for (const key of keys) yield value[key];
});
const parse = routine(function parse(text: string) {
  return JSON.parse(text);
});
expectType<Promise<number>>()(picked({ a: "b", c: 1 }, "c"), true);
expectType<Promise<number>>()(picked.with({})({ a: "b", c: 1 }, "c"), true);
expectType<AsyncGenerator<string | number, void, unknown>>()(pickedSteps({ a: "b", c: 1 }, "a", "c"), true);
expectType<Promise<ReturnType<typeof JSON.parse>>>()(parse("1"), true);
// @ts-expect-error It is known to be a promise at least.
void parse("1").length;

// Of plain ones the type is made anew, and the compiler cannot make a generic one: type parameters become their bounds.

const plainFirst = routine(function plainFirst<T extends string>(values: readonly T[]): T | undefined {
  return values[0];
});
const plainIdentity = routine(function plainIdentity<T>(x: T): T {
  return x;
});
const plainNumbered = routine(function* plainNumbered<T>(values: readonly T[]): Generator<T, number, void> {
  yield* values;
  return values.length;
});
expectType<Promise<string | undefined>>()(plainFirst(["a"]), true);
expectType<Promise<unknown>>()(plainIdentity(3), true);
expectType<AsyncGenerator<unknown, number, void>>()(plainNumbered([1]), true);
// The body keeps them.
expectType<number>()(plainIdentity.local(3), true);
// @ts-expect-error The bound is kept.
void plainFirst([1]);
// @ts-expect-error And nothing is told of the result that is not known: make the body async.
const lost: Promise<number> = plainIdentity(3);

// Of the overloads of a plain one, the last is kept.

function plainOverloadedBody(value: string): string;
function plainOverloadedBody(value: number): number;
function plainOverloadedBody(value: string | number): string | number {
  return value;
}
const plainOverloaded = routine(plainOverloadedBody);
expectType<Promise<number>>()(plainOverloaded(1), true);
// @ts-expect-error The first one is not.
void plainOverloaded("a");
expectType<string>()(plainOverloaded.local("a"), true);

// Overloads of which not all are asynchronous: the last decides.

function mixedBody(value: string): string;
function mixedBody(value: number): Promise<number>;
function mixedBody(value: string | number): string | Promise<number> {
  return typeof value === "string" ? value : Promise.resolve(value);
}
const mixed = routine(mixedBody);
expectType<Promise<number>>()(mixed(1), true);

// Members.

expectType<Promise<string | number>>()(plainFunction.with({})(1, "a"), true);
expectType<AsyncGenerator<string, number, Date>>()(plainGenerator.with({ prefetch: 8, tag: "t" })("a"), true);
expectType<Generator<string, number, Date>>()(plainGenerator.local("a"), true);
expectType<string | number>()(plainFunction.local(1), true);
expectType<AsyncGenerator<number, "done", boolean>>()(asyncGenerator.local(1), true);
expectType<string>()(plainFunction.id, true);
void asyncFunction.with({ signal: new AbortController().signal, timeout: 1, dispatchTimeout: 1, copy: true })(
  1,
);
void asyncFunction.with({ pool: new WorkerPool({ size: 1 }) })(1);
// @ts-expect-error Options have types.
void asyncFunction.with({ signal: 1 });
// @ts-expect-error Options have types.
void asyncFunction.with({ pool: "main" });
// @ts-expect-error An option is needed to be an object.
void asyncFunction.with();
// @ts-expect-error Parameters keep their types behind with().
void plainFunction.with({})("1");
// @ts-expect-error Parameters keep their types in local().
void plainFunction.local("1");
// @ts-expect-error Members cannot be changed.
plainFunction.local = () => 1;

// Declarations.

routine(async () => 1, { name: "one", module: import.meta.url, timeout: 1_000 });
routine(async () => 1, { id: "shop/one" });
routine(async () => 1, { name: "one", module: new URL(import.meta.url) });
// @ts-expect-error Options have known names.
routine(async () => 1, { nam: "one" });
// @ts-expect-error Options have types.
routine(async () => 1, { timeout: "1s" });

// A helper around it keeps everything.

function job<F extends (...parameters: never[]) => Promise<unknown>>(body: F): Routine<F> {
  return routine(body);
}
expectType<Promise<Answer>>()(job(asyncFunction.local)(1), true);

// Receivers and methods.

@portable
class Counter {
  start: number;
  constructor(start: number) {
    this.start = start;
  }

  @routine
  async add(by: number): Promise<number> {
    return this.start + by;
  }

  @routine
  async *count(to: number): AsyncGenerator<number, void, void> {
    for (let n = this.start; n < to; n++) yield n;
  }

  @routine
  static async create(start: number): Promise<Counter> {
    return new Counter(start);
  }

  // @ts-expect-error A plain method would give a promise where its type says a value: make it async.
  @routine
  plain(by: number): number {
    return this.start + by;
  }
}
Counter.prototype.add = routine(Counter.prototype.add, { name: "Counter.add" });

expectType<Promise<number>>()(new Counter(1).add(2), true);
expectType<AsyncGenerator<number, void, void>>()(new Counter(1).count(2), true);
expectType<Promise<Counter>>()(Counter.create(1), true);
// @ts-expect-error A method's parameters keep their types.
void new Counter(1).add("2");

// As a compiler calls decorators with `experimentalDecorators`.

declare const asyncMethod: TypedPropertyDescriptor<(by: number) => Promise<number>>;
declare const streamingMethod: TypedPropertyDescriptor<(to: number) => AsyncGenerator<number, void, void>>;
declare const plainMethod: TypedPropertyDescriptor<(by: number) => number>;
expectType<TypedPropertyDescriptor<(by: number) => Promise<number>>>()(
  routine(Counter.prototype, "add", asyncMethod),
  true,
);
routine(Counter.prototype, "count", streamingMethod);
routine(Counter, "create", asyncMethod);
// @ts-expect-error A plain method would give a promise where its type says a value, here as well.
routine(Counter.prototype, "plain", plainMethod);

const bound = routine(function bound(this: Counter, by: number) {
  return this.start + by;
});
expectType<Promise<number>>()(bound.call(new Counter(1), 2), true);
// @ts-expect-error A receiver that is declared has to be there.
void bound(2);

// What a body knows of its task.

const task = currentTask();
expectType<AbortSignal | undefined>()(task?.signal, true);
expectType<string | undefined>()(task?.id, true);
expectType<number | undefined>()(task?.deadline, true);

// map() takes routines and functions that call them.

declare const pool: WorkerPool;
expectType<AsyncGenerator<number, void, void>>()(pool.map(promising, [1, 2]), true);
expectType<AsyncGenerator<string | number, void, void>>()(
  pool.map((n) => plainFunction(n), new Set([1])),
  true,
);
expectType<Promise<number>>()(
  pool.run(() => promising(1)),
  true,
);
// What it gives follows `settled`.
type Settled = AsyncGenerator<PromiseSettledResult<number>, void, void>;
expectType<Settled>()(pool.map(promising, [1], { settled: true, concurrency: 2 }), true);
expectType<AsyncGenerator<number, void, void>>()(pool.map(promising, [1], { settled: false }), true);
expectType<AsyncGenerator<number, void, void>>()(pool.map(promising, [1], { ordered: false }), true);
declare const settled: boolean;
expectType<AsyncGenerator<PromiseSettledResult<number> | number, void, void>>()(
  pool.map(promising, [1], { settled }),
  true,
);
declare const mapOptions: MapOptions;
expectType<AsyncGenerator<number, void, void>>()(pool.map(promising, [1], mapOptions), true);
// @ts-expect-error Items are what the routine takes.
pool.map(promising, ["a"]);

export const compiled: readonly unknown[] = [generators, inferredGenerator, generics, lost];

// Values of workers.

const model = perWorker("model", async ({ signal }) => ({ signal, size: 1 }), {
  dispose: (value) => value.size,
});
expectType<Promise<{ signal: AbortSignal; size: number }>>()(model.get(), true);
export const warmed = (): Promise<WorkerPool> => WorkerPool.open({ warm: [model] });
// @ts-expect-error a routine is no value of workers
export const notWarmed = (): Promise<WorkerPool> => WorkerPool.open({ warm: [asyncFunction] });

// The routines of a module that is not loaded: those that it exports, and the names of its generators.

interface HeavyModule {
  readonly default: typeof plainFunction;
  readonly asyncFunction: typeof asyncFunction;
  readonly plainGenerator: typeof plainGenerator;
  readonly helper: (x: number) => number;
  readonly constant: 1;
}
const heavy = routines<HeavyModule>("file:///heavy.js", { generators: { plainGenerator: true } });
expectType<"asyncFunction" | "plainGenerator">()(null as unknown as keyof typeof heavy, true);
expectType<Promise<Answer>>()(heavy.asyncFunction(1), true);
expectType<AsyncGenerator<string, number, Date>>()(heavy.plainGenerator("a"), true);
// @ts-expect-error it has a generator, which is to be named
routines<HeavyModule>("file:///heavy.js");
// @ts-expect-error not all of them are named
routines<HeavyModule>("file:///heavy.js", { generators: {} });
routines<Pick<HeavyModule, "asyncFunction">>("file:///heavy.js");

// A routine on every worker.

export async function onEach(pool: WorkerPool): Promise<void> {
  expectType<AsyncGenerator<EachResult<string | number>, void, void>>()(pool.each(plainFunction, 1), true);
  pool.each(plainFunction.with({ timeout: 1 }), 1, "b");
  // @ts-expect-error its parameters are those of the routine
  pool.each(plainFunction, "a");
  // @ts-expect-error a generator answers with a stream
  pool.each(asyncGenerator, 1);
}

// Calls that may be repeated: of routines that say that their bodies may run twice, and of no others.

const price = routine(
  async function price<T extends string>(article: T) {
    return { article };
  },
  { idempotent: true, retry: { attempts: 3 }, hedge: { after: "p95" } },
);
expectType<Promise<{ article: "tea" }>>()(price("tea"), true);
void price.with({ retry: false, hedge: { after: 20, max: 2 }, timeout: 100 })("tea");
// @ts-expect-error It is not known to be idempotent.
void asyncFunction.with({ retry: { attempts: 3 } });
// @ts-expect-error It is not known to be idempotent.
void asyncFunction.with({ hedge: {} });
// @ts-expect-error Only one that is idempotent is hedged.
void routine(async function plain() {}, { hedge: {} });
// @ts-expect-error What a generator has yielded cannot be taken back.
void routine(async function* lines() {}, { idempotent: true });
// @ts-expect-error There is no such percentile.
void price.with({ hedge: { after: "p99" } });
void routine(async function plainAgain() {}, { idempotent: false, timeout: 5 });

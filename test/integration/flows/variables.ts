import { AsyncLocalStorage } from "node:async_hooks";
import { bindStore, type Callback, ContextVar, currentTask, routine } from "merino";

export const tenant = new ContextVar<string>("flows tenant", { default: "none" });
export const step = new ContextVar<number>("flows step", { default: 0 });
export const requestId = new ContextVar<string>("flows request", { default: "-", back: false });

export const requests = new AsyncLocalStorage<string>();
bindStore(requests, { name: "flows request" });

/** What is set here. */
export function variablesHere(): readonly unknown[] {
  return [tenant.get(), step.get(), requestId.get()];
}

/** Sets, calls back, sets again, and says what it sees after that. */
export const setAndCall = routine(async function setAndCall(fn: Callback<[number], unknown>) {
  const answers: unknown[] = [];
  requestId.set("the body's");
  answers.push(await fn(1));
  step.set(7);
  answers.push(await fn(2));
  answers.push(await tenant.run("inner", () => fn(3)));
  return { answers, after: [tenant.get(), step.get()] };
});

/** Reads, telling of itself before each item and noting what it sees after it. */
export const readAndSet = routine(async function readAndSet(items: AsyncIterator<unknown>, count: number) {
  const seen: unknown[] = [];
  for (let n = 0; n < count; n++) {
    step.set(100 + n);
    const { value } = await items.next();
    seen.push([value, tenant.get()]);
  }
  const { done, value } = await items.next();
  return { seen, done, value, tenant: tenant.get() };
});

/** Notes which tenant it sees with each item. */
export const tenantsOf = routine(async function tenantsOf(items: AsyncIterable<number>) {
  const seen: [number, string][] = [];
  for await (const item of items) seen.push([item, tenant.get()]);
  return seen;
});

/** Passes both on to another worker. */
export const relayed = routine(async function relayed(
  items: AsyncIterator<unknown>,
  fn: Callback<[number], unknown>,
) {
  step.set(1);
  const read = await readAndSet(items, 2);
  const called = await setAndCall(fn);
  return { read, called };
});

/** A stream in an answer: each item has what its source sees of the reader, and changes the tenant. */
export const tenants = routine(async function tenants(count: number) {
  tenant.set("of the body");
  return items(count);
});

async function* items(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    const seen = step.get();
    tenant.set(`item ${n}`);
    yield seen;
  }
}

/** Whose task it is, and what its callers' store has. */
export const whoCalls = routine(async function whoCalls() {
  return { tag: currentTask()?.tag, request: requests.getStore(), tenant: tenant.get() };
});

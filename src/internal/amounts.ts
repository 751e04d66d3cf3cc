/**
 * Amounts of named resources, counted exactly: in whole thousandths, so that halves and tenths add up to what they are
 * parts of. Whoever shows them to people, or takes them from people, does so in whole ones.
 */

/** Thousandths by the name of the resource; none is 0. */
export type Amounts = ReadonlyMap<string, number>;

/** The smallest part of a resource is one of so many. */
export const PARTS = 1_000;

/** Amounts as people write them, such as `{ gpu: 1, memory: 0.5 }`. */
export type Resources = Readonly<Record<string, number>>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/;
/** Different resources that one worker has, or one task needs, at most. */
export const MAX_RESOURCES = 16;
/** The largest amount. */
export const MAX_AMOUNT = 1_000_000_000;

/** Whether a text can name a resource: 1 to 64 letters, digits, `.`, `_`, `/` or `-`, the first a letter or digit. */
export function isResourceName(value: unknown): value is string {
  return typeof value === "string" && NAME.test(value);
}

/** Whether a value can be an amount: above 0, at most 1 000 000 000, of three decimals at most. */
function isAmount(value: unknown): value is number {
  return (
    typeof value === "number" &&
    value > 0 &&
    value <= MAX_AMOUNT &&
    Math.round(value * PARTS) / PARTS === value
  );
}

/** @returns The amounts in thousandths; `undefined` if the value is no object of at most 16 amounts. */
export function amountsOf(value: unknown): Amounts | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_RESOURCES) return undefined;
  const amounts = new Map<string, number>();
  for (const [name, amount] of entries) {
    if (!isResourceName(name) || !isAmount(amount)) return undefined;
    amounts.set(name, Math.round(amount * PARTS));
  }
  return amounts;
}

/** The amounts as people write them. */
export function resourcesOf(amounts: Amounts): Resources {
  // Defines own properties, also one called `__proto__`; assignment would not.
  return Object.freeze(Object.fromEntries([...amounts].map(([name, amount]) => [name, amount / PARTS])));
}

/** Whether so much is there of each. */
export function covers(available: Amounts, needs: Amounts): boolean {
  for (const [name, amount] of needs) if ((available.get(name) ?? 0) < amount) return false;
  return true;
}

/** Whether they are the same amounts of the same. */
export function sameAmounts(one: Amounts, other: Amounts): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [name, amount] of one) if (other.get(name) !== amount) return false;
  return true;
}

/** Whether both name a resource. */
export function overlap(some: Amounts, others: Amounts): boolean {
  for (const name of some.keys()) if (others.has(name)) return true;
  return false;
}

/** For people: `1 of 'gpu' and 0.5 of 'memory'`. */
export function shownAmounts(amounts: Amounts): string {
  const parts = [...amounts].map(([name, amount]) => `${amount / PARTS} of '${name}'`);
  if (parts.length < 2) return parts[0] ?? "nothing";
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** Adds amounts to what is counted, or takes them away. */
export function addAmounts(counted: Map<string, number>, amounts: Amounts, sign: 1 | -1): void {
  for (const [name, amount] of amounts) {
    const sum = (counted.get(name) ?? 0) + sign * amount;
    if (sum === 0) counted.delete(name);
    else counted.set(name, sum);
  }
}

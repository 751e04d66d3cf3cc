/**
 * The keys that mean something to every object: an assignment to one runs a setter of `Object.prototype`, or fails because
 * the property there is not to be written to. Usually `__proto__` alone; all of them in a process that has frozen its
 * intrinsics. Such a field is defined instead, which takes far longer.
 *
 * Only a payload that brings new keys asks, once: looking at the prototype costs as much as reading a few fields.
 */

const PROTOTYPE = "__proto__";

/** Those besides `__proto__`. */
let others: ReadonlySet<string> | undefined;
let count = -1;
let extensible = true;

/** Looks whether `Object.prototype` has changed since it was looked at. */
export function lookForSpecialKeys(): void {
  const keys = Reflect.ownKeys(Object.prototype);
  if (keys.length === count && Object.isExtensible(Object.prototype) === extensible) return;
  count = keys.length;
  extensible = Object.isExtensible(Object.prototype);
  const special = keys.filter(
    (key): key is string =>
      typeof key === "string" && !isAssignable(Object.prototype, key) && key !== PROTOTYPE,
  );
  others = special.length === 0 ? undefined : new Set(special);
}

function isAssignable(object: object, key: string): boolean {
  return Object.getOwnPropertyDescriptor(object, key)?.writable === true;
}

/** Whether a field of this key has to be defined, and must not be assigned. */
export function isSpecialKey(key: string): boolean {
  return key === PROTOTYPE || others?.has(key) === true;
}

/** Counts what array methods move, which a queue that is used again and again must not do for every value. */

const METHODS = ["shift", "unshift", "splice", "copyWithin"] as const;

/** Runs `act`, and tells how many array elements have been moved by methods that move what is left of an array. */
export function movedElements(act: () => void): number {
  let moved = 0;
  const prototype = Array.prototype as unknown as Record<string, (...args: never[]) => unknown>;
  const own = METHODS.map((name) => [name, prototype[name]] as const);
  for (const [name, method] of own) {
    if (method === undefined) throw new Error(`Arrays have no ${name}`);
    prototype[name] = function (this: unknown[], ...args: never[]) {
      const outcome = Reflect.apply(method, this, args);
      moved += this.length;
      return outcome;
    };
  }
  try {
    act();
  } finally {
    for (const [name, method] of own) if (method !== undefined) prototype[name] = method;
  }
  return moved;
}

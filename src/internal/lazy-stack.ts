/**
 * Gives an error a stack whose text is made when somebody first looks at it, which for most errors nobody does. V8
 * does the same with the stacks that it takes. The property is an accessor until it is read or written, and a plain one
 * from then on, as that of any error.
 */

/**
 * Defines the stack of an error.
 *
 * @param write Makes the text, at most once. What it throws, a reader of the stack gets.
 * @throws TypeError if the error is frozen.
 */
export function deferStack(error: object, write: () => unknown): void {
  let made: { readonly stack: unknown } | undefined;
  function get(): unknown {
    made ??= { stack: write() };
    // Not if it was written meanwhile, or deferred anew by someone who reads this one.
    if (Object.getOwnPropertyDescriptor(error, "stack")?.get === get) define(error, made.stack);
    return made.stack;
  }
  Object.defineProperty(error, "stack", {
    get,
    set(this: object, stack: unknown) {
      if (define(this, stack)) return;
      if (this !== error || Object.isFrozen(error)) {
        throw new TypeError("Cannot assign to read only property 'stack' of an error");
      }
      made = { stack }; // sealed: nothing but the value can change
    },
    enumerable: false,
    configurable: true,
  });
}

/**
 * Changes the text of an error's stack, when somebody first looks at it if it has not been made yet.
 *
 * @param change Makes the new text of the present one. It is not asked about a stack that is no text.
 * @throws If the stack cannot be read, or the error is frozen.
 */
export function changeStack(error: object, change: (stack: string) => string): void {
  const { get } = Object.getOwnPropertyDescriptor(error, "stack") ?? {};
  const changed = (stack: unknown) => (typeof stack === "string" ? change(stack) : stack);
  if (get !== undefined) {
    deferStack(error, () => changed(get.call(error)));
    return;
  }
  const { stack } = error as { readonly stack?: unknown };
  const text = changed(stack);
  if (text !== stack) Object.defineProperty(error, "stack", plain(text, false));
}

/** What an assignment does: a property that is there stays as visible as it is. */
function define(object: object, stack: unknown): boolean {
  return Reflect.defineProperty(object, "stack", plain(stack, !Object.hasOwn(object, "stack")));
}

function plain(value: unknown, enumerable: boolean): PropertyDescriptor {
  return { value, writable: true, enumerable, configurable: true };
}

/** Names of classes as the codec needs them: for people, and for errors that arrive without their class. */

/**
 * The name of the class a prototype belongs to; if that class has no name, the name of the nearest class above that
 * has one.
 */
export function className(prototype: object): string | undefined {
  try {
    const constructor = (prototype as { constructor?: unknown }).constructor;
    const name = typeof constructor === "function" ? (constructor as { name?: unknown }).name : undefined;
    return typeof name === "string" && name !== "" && name !== "Object" ? name : undefined;
  } catch {
    return undefined;
  }
}

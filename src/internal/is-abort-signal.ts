/** The one test for an `AbortSignal`, used everywhere. */

/**
 * Whether a value can be used as an `AbortSignal`: it says whether it has fired, and can be listened to.
 *
 * Tests members, not `instanceof`: signals also come from other realms (a `vm` context, a test runner's
 * environment) and from polyfills.
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  try {
    const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
    return (
      typeof aborted === "boolean" &&
      typeof addEventListener === "function" &&
      typeof removeEventListener === "function"
    );
  } catch {
    return false; // the prototype of signals, a proxy that has been revoked, a getter that throws
  }
}

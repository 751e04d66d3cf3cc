/** Says at once, and by name, that a runtime is not supported, before something fails that it has in another way. */

const NEEDED = [20, 19] as const;

/**
 * Refuses to go on in a runtime that is not supported.
 *
 * @param versions As in `process.versions`; a parameter for tests.
 * @throws Error that says what to do.
 */
export function assertSupportedRuntime(
  versions: Readonly<Record<string, string | undefined>> = process.versions,
): void {
  const reason = unsupportedRuntime(versions);
  if (reason !== undefined) throw new Error(reason);
}

/** Why the library cannot run there; `undefined` if it can. */
function unsupportedRuntime(versions: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const [key, name] of [
    ["bun", "Bun"],
    ["deno", "Deno"],
  ] as const) {
    if (versions[key] !== undefined) {
      return `Merino does not support ${name} yet (this is ${name} ${versions[key]}): run the program with Node.js ${NEEDED.join(".")} or later`;
    }
  }
  const [major = 0, minor = 0] = (versions.node ?? "").split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return undefined;
  return `Merino needs Node.js ${NEEDED.join(".")} or later (this is ${versions.node ?? "something else"})`;
}

/** How processes that tests start can run the TypeScript of this repository. */

/** Flags of Node for it: those of the tests themselves, which cost a process half of what tsx does. */
export const TYPESCRIPT_FLAGS: readonly string[] = [
  "--import",
  new URL("../../scripts/typescript/register.mjs?instead-of=tsx", import.meta.url).href,
];

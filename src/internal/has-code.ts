/** System errors told apart by their codes. */

/** Tells whether an error has one of the codes, for example `"ENOENT"`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && codes.includes(code);
}

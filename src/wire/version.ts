/**
 * Version of the package, the name of its payload codec, and the rule for which peers may talk to each other: both
 * versions must be readable and have the same major number. The major number changes only with the wire format;
 * between versions of one major, the format is only added to.
 */

/** Version of this package; a test keeps it equal to that in package.json. */
export const version: string = "0.1.0";

/** Name of the payload codec that this package speaks. */
export const WIRE_CODEC = "merino-1";

/** A version as far as compatibility is concerned. */
export interface ParsedVersion {
  /** Peers whose majors differ do not talk. */
  readonly major: number;
  /** The dotted numbers, major first; the suffix is dropped. */
  readonly release: readonly number[];
  /** As it was written. */
  readonly text: string;
}

// A version with an epoch (PEP 440, "1!2.0") is refused, since the epoch would be taken for the major. A number has
// nine digits at most, so that it is exact as a JavaScript number.
const VERSION = /^\s*v?(\d{1,9}(?:\.\d{1,9})*)(?![\d!])/i;
/** Longer texts are refused; no package.json has such a version. */
const MAX_LENGTH = 128;

/**
 * Parses a version: `v?N(.N)*` and any suffix, so that semver and PEP 440 texts read alike.
 *
 * @param text For example `"1.4.0"`, `"v2"`, `"1.0rc1"`, `"3.1.0-beta.2+build"`.
 * @returns `undefined` for what is no version, such as `""` or `"unknown"`.
 * @example
 * parseVersion("v1.4.0-rc.1")?.major; // => 1
 * parseVersion("unknown"); // => undefined
 */
export function parseVersion(text: string): ParsedVersion | undefined {
  if (typeof text !== "string" || text.length > MAX_LENGTH) return undefined;
  const numbers = VERSION.exec(text)?.[1];
  if (numbers === undefined) return undefined;
  const release = numbers.split(".").map(Number);
  return { major: release[0] ?? 0, release, text };
}

/**
 * Tells whether two versions may talk to each other.
 *
 * @param a One version, as text or parsed.
 * @param b The other one; the order does not matter.
 * @returns `false` also when one of them is no version.
 * @example
 * isVersionCompatible("1.2.0", "1.9.3"); // => true
 * isVersionCompatible("1.2.0", "2.0.0"); // => false
 */
export function isVersionCompatible(
  a: string | ParsedVersion | undefined,
  b: string | ParsedVersion | undefined,
): boolean {
  const left = typeof a === "string" ? parseVersion(a) : a;
  const right = typeof b === "string" ? parseVersion(b) : b;
  return left !== undefined && right !== undefined && left.major === right.major;
}

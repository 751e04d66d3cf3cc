/** Arguments that take up as much as they can for as long as a body runs that keeps them: what fills memory by calls alone. */
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import type { Payload } from "../../../src/wire/payload.ts";

const MIB = 1024 * 1024;

/**
 * The arguments, by what they consist of, for a routine that takes one and waits. Each is affordable, so that it is not
 * refused for what it costs to read.
 */
export const KEPT_ARGUMENTS: Readonly<Record<string, () => unknown>> = {
  bytes: () => new Uint8Array(4 * MIB),
  "empty objects": () => [pad(500_000), Array.from({ length: 120_000 }, () => ({}))],
  "empty arrays": () => [pad(500_000), Array.from({ length: 160_000 }, () => [])],
  "small numbers": () => Array.from({ length: MIB }, (_, n) => n & 63),
  doubles: () => Array.from({ length: 200_000 }, (_, n) => (n % 2 === 0 ? n + 0.5 : "")),
  "short texts": () =>
    Array.from({ length: 200_000 }, (_, n) => String.fromCharCode(97 + (n % 26), 97 + (n % 25))),
  "texts with wide characters": () => `${"a".repeat(MIB)}\u4e00`,
  "keys of their own": () => [
    pad(500_000),
    Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`key${n}`, 0])),
  ],
  "empty maps": () => [pad(500_000), Array.from({ length: 60_000 }, () => new Map())],
  "small views": () => [pad(500_000), Array.from({ length: 20_000 }, () => new Uint8Array(1))],
  "a few words each": () => Array.from({ length: 12 }, (_, n) => `word${n}`),
  "empty maps in small messages": () => Array.from({ length: 100 }, () => new Map()),
};

/** Arguments as their bytes: one of those, by its name, or any other value. */
export function keptArguments(what: unknown): Payload {
  const make = typeof what === "string" ? KEPT_ARGUMENTS[what] : undefined;
  const value = make === undefined ? what : make();
  return { ...encodeValue([value], { root: "args", references: processReferences, inline: true }) };
}

/** Bytes that cost nothing, and so pay for what else is there. */
function pad(lengthBytes: number): string {
  return "x".repeat(lengthBytes);
}

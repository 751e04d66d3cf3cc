/**
 * Reads URLs and queries. Both are read in the form in which the platform writes them, and in no other: it would take
 * far longer over one.
 */
import type { Decoding } from "./decoding.ts";

const ASCII = /^[\0-\x7f]*$/;

/** A URL, in which whatever is not ASCII is escaped. */
export function readUrl(decoding: Decoding): URL {
  const href = decoding.readString();
  if (!ASCII.test(href)) decoding.fail("a URL is not ASCII");
  return new URL(href);
}

/** A query, in which whatever is escaped is UTF-8. */
export function readSearchParams(decoding: Decoding): URLSearchParams {
  const query = decoding.readString();
  // Throws for other escapes.
  if (query.includes("%")) decodeURIComponent(query);
  // Node reads a space that is a `+` on its own, and escapes in one go.
  return new URLSearchParams(query.replaceAll("+", "%20"));
}

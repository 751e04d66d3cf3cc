/** Tells the dear ones among values of one extension, by their first bytes. */
import { ErrorOrigin, Extension, INTL_KINDS } from "../format.ts";
import type { AuditedBytes } from "./excess.ts";

/** The kind of a view that is a `DataView`. */
const DATA_VIEW = 0;
/** The names of the built-in classes that are not simple ones of the language have so many bytes or more. */
const RARE_NAME_BYTES = 12;

/** Whether a view has a buffer from the start, which others get when it is asked for. */
export function isDataView(type: number, kind: number | undefined): boolean {
  return type === Extension.VIEW_BYTES && kind === DATA_VIEW;
}

const DATES = INTL_KINDS.indexOf("DateTimeFormat");

/** Whether an object of `Intl` is of the class whose objects take longest to make. */
export function isIntlOfDates(type: number, kind: number | undefined): boolean {
  return type === Extension.INTL && kind === DATES;
}

/** Extensions of which a few bytes may cost very much. */
const DEAREST = [Extension.BLOB, Extension.REQUEST, Extension.INTL];
/** Bytes that have no room for many of them. */
const FEW_BYTES = 64;

/** Whether a short payload has to be audited all the same: it may hold the dearest extensions. Says yes too often, for speed. */
export function mayBeDear({ bytes, start, end }: AuditedBytes): boolean {
  if (end - start < FEW_BYTES) return false;
  const payload = bytes.subarray(start, end);
  return DEAREST.some((type) => payload.includes(type));
}

/** Whether an error, whose content begins at a position, is of a class whose instances take far longer to make. */
export function isRareError(bytes: Uint8Array, at: number): boolean {
  const origin = bytes[at];
  if (origin === ErrorOrigin.MERINO) return true;
  const nameBytes = (bytes[at + 1] as number) ^ 0xa0;
  return origin === ErrorOrigin.BUILT_IN && nameBytes >= RARE_NAME_BYTES;
}

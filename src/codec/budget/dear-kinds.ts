/** Tells the dear ones among values of one extension, by their first bytes. */
import { ErrorOrigin, Extension } from "../format.ts";

/** The kind of a view that is a `DataView`. */
const DATA_VIEW = 0;
/** The names of the built-in classes that are not simple ones of the language have so many bytes or more. */
const RARE_NAME_BYTES = 12;

/** Whether a view has a buffer from the start, which others get when it is asked for. */
export function isDataView(type: number, kind: number | undefined): boolean {
  return type === Extension.VIEW_BYTES && kind === DATA_VIEW;
}

/** Whether an error, whose content begins at a position, is of a class whose instances take far longer to make. */
export function isRareError(bytes: Uint8Array, at: number): boolean {
  const origin = bytes[at];
  if (origin === ErrorOrigin.MERINO) return true;
  const nameBytes = (bytes[at + 1] as number) ^ 0xa0;
  return origin === ErrorOrigin.BUILT_IN && nameBytes >= RARE_NAME_BYTES;
}

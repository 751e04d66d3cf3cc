/** What a program says of the workers that it starts, in their records: what can travel there. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";

/** Of a record. One entry of `extra` is left to the library. */
const MAX_TAGS = 256;
const MAX_EXTRA = 255;
const MAX_TEXT = 256;
const MAX_EXTRA_VALUE = 4_096;
/** Entries that the library makes itself begin so. */
const RESERVED = "merino.";

/**
 * Checks the tags of a worker.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `tags`).
 */
export function resolveTags(tags: unknown): readonly string[] {
  if (Array.isArray(tags) && tags.length <= MAX_TAGS && tags.every(isTag)) return [...tags];
  throw new InvalidOptionError("tags", {
    value: tags,
    expected: `at most ${MAX_TAGS} strings of 1 to ${MAX_TEXT} characters`,
  });
}

/**
 * Checks the further entries of a worker's record.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `extra`).
 */
export function resolveExtra(extra: unknown): Readonly<Record<string, string>> {
  if (typeof extra === "object" && extra !== null && !Array.isArray(extra)) {
    const entries: readonly (readonly [string, unknown])[] = Object.entries(extra);
    if (entries.length <= MAX_EXTRA && entries.every(isEntry)) {
      return Object.fromEntries(entries as readonly (readonly [string, string])[]);
    }
  }
  throw new InvalidOptionError("extra", {
    value: extra,
    expected: `an object of at most ${MAX_EXTRA} strings, of ${MAX_EXTRA_VALUE} characters each, under names of at most ${MAX_TEXT} that do not begin with '${RESERVED}'`,
  });
}

function isEntry([name, value]: readonly [string, unknown]): boolean {
  return name.length <= MAX_TEXT && !name.startsWith(RESERVED) && isText(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_EXTRA_VALUE;
}

function isTag(value: unknown): boolean {
  return typeof value === "string" && value !== "" && value.length <= MAX_TEXT;
}

/** Checks the tags, further entries, build and resources that a program gives the workers it starts: a worker's record must be able to hold them. */
import { assertDuration } from "../errors/check-options.ts";
import { resolveAmounts } from "../errors/check-resources.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { type Resources, resourcesOf } from "../internal/amounts.ts";
import { MAX_TIMER_MS } from "../internal/time/clock.ts";
import { assertBuild, BUILD_VARIABLE } from "../wire/build.ts";

/** Limits of a record; texts in characters. */
const MAX_TAGS = 256;
/** One of the 256 entries is left to the library. */
const MAX_EXTRA = 255;
const MAX_TEXT = 256;
const MAX_EXTRA_VALUE = 4_096;
/** What the names of the library's own entries begin with. */
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
    expected: `an object of at most ${MAX_EXTRA} entries: names of at most ${MAX_TEXT} characters that do not begin with '${RESERVED}', and strings of at most ${MAX_EXTRA_VALUE} characters`,
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

/**
 * Checks what a worker is said to have of resources.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `resources` or `maxReservation`).
 */
export function resolveResources({
  resources,
  maxReservation,
}: {
  readonly resources?: unknown;
  readonly maxReservation?: number | undefined;
}): { readonly resources: Resources | undefined; readonly maxReservationMs: number | undefined } {
  assertDuration("maxReservation", maxReservation, { most: MAX_TIMER_MS });
  const amounts = resolveAmounts("resources", resources);
  return {
    // One that says `{}` has none, whatever its pool says.
    resources: resources === undefined ? undefined : resourcesOf(amounts ?? new Map()),
    maxReservationMs: maxReservation === undefined ? undefined : Math.floor(maxReservation),
  };
}

/**
 * Checks the build that a worker is said to run, and gives the environment variables that tell the worker.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `build`).
 */
export function resolveBuild(build: unknown): Readonly<Record<string, string>> {
  if (build === undefined) return {};
  assertBuild(build);
  return { [BUILD_VARIABLE]: build };
}

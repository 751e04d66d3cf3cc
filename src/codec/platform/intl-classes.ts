/**
 * What the writer and the reader of objects of `Intl` know of its classes: what an object says of itself, and what it does
 * with samples.
 */
import type { IntlKind } from "../format.ts";

/** Of which options an object is made. */
export type IntlOptions = Readonly<Record<string, string | number | boolean>>;

/** An object of any of these classes but `Locale`. */
export interface IntlObject {
  resolvedOptions(): Readonly<Record<string, unknown>> & { readonly locale: string };
}

/** A class of this platform; `undefined` if it has none of that name. */
export function intlClass(kind: IntlKind): (new (locale: string, options: object) => IntlObject) | undefined {
  return (Intl as unknown as Record<string, new (locale: string, options: object) => IntlObject>)[kind];
}

/** What it says of itself that is no option. */
const NO_OPTIONS: ReadonlySet<string> = new Set(["locale", "pluralCategories"]);

/** The options of an object, as it has resolved them. */
export function optionsOf(object: IntlObject): IntlOptions {
  const resolved = object.resolvedOptions();
  const options: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(resolved)) {
    // The hour cycle says more, and gives way where both are given.
    if (NO_OPTIONS.has(key) || (key === "hour12" && "hourCycle" in resolved)) continue;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      options[key] = value;
  }
  return options;
}

const NUMBERS = [0, -1_234_567.891, 0.000_123_456, 1e21, 1_234, 12.345];
/** In each half of a day, in different months and years. */
const DATES = [0, 1_700_000_000_000, 1_720_000_123_456];
const WORDS = [
  ["a", "B"],
  ["ä", "z"],
  ["2", "10"],
  ["a", "A"],
  ["-", "a"],
  ["ab", "a-c"],
] as const;

/** What an object does with samples: two that say the same of themselves may yet differ in that. */
export function samplesOf(object: object, kind: IntlKind): readonly unknown[] {
  switch (kind) {
    case "NumberFormat":
      return NUMBERS.map((number) => (object as Intl.NumberFormat).format(number));
    case "DateTimeFormat":
      return DATES.map((date) => (object as Intl.DateTimeFormat).format(date));
    case "Collator":
      return WORDS.map(([one, other]) => (object as Intl.Collator).compare(one, other));
    case "PluralRules":
      return NUMBERS.map((number) => (object as Intl.PluralRules).select(number));
    case "RelativeTimeFormat":
      return NUMBERS.map((number) => (object as Intl.RelativeTimeFormat).format(number, "day"));
    case "ListFormat":
      return [(object as Intl.ListFormat).format(["a", "b", "c"])];
    default:
      return []; // what these say of themselves is all there is
  }
}

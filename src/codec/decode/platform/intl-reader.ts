/**
 * Reads objects of `Intl`. One of a locale for which this platform has no data is refused: the class would take another
 * locale in its place, and say nothing.
 */
import { INTL_KINDS, type IntlKind } from "../../format.ts";
import { type IntlObject, type IntlOptions, intlClass } from "../../platform/intl-classes.ts";
import type { Decoding } from "../decoding.ts";

/** More than any class has. */
const MAX_OPTIONS = 64;

/** Reads one. @param end Where it ends. */
export function readIntl(decoding: Decoding, end: number): object {
  const index = decoding.reserve();
  const kind = INTL_KINDS[decoding.readCount()];
  if (kind === undefined) decoding.failHere("it holds an object of Intl that this version does not know");
  const locale = decoding.readString();
  const options = readOptions(decoding, end);
  const object = kind === "Locale" ? make(kind, locale, options) : makeOf(kind, locale, options);
  if (object === undefined)
    decoding.failHere(
      `it holds an Intl.${kind} of a locale or with options that this platform does not have`,
    );
  decoding.settle(index, object);
  return object;
}

function readOptions(decoding: Decoding, end: number): IntlOptions {
  const options = Object.create(null) as Record<string, string | number | boolean>;
  for (let count = 0; decoding.position < end; count++) {
    if (count === MAX_OPTIONS) decoding.fail("an object of Intl has too many options");
    const key = decoding.readString();
    const value = decoding.readValue();
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      decoding.fail("an option of an object of Intl is no text, number or boolean");
    options[key] = value;
  }
  return options;
}

function makeOf(kind: IntlKind, locale: string, options: IntlOptions): object | undefined {
  const object = make(kind, locale, options) as IntlObject | undefined;
  return object?.resolvedOptions().locale === locale ? object : undefined;
}

function make(kind: IntlKind, locale: string, options: IntlOptions): object | undefined {
  const Class = intlClass(kind);
  if (Class === undefined) return undefined;
  try {
    return new Class(locale, options);
  } catch {
    return undefined;
  }
}

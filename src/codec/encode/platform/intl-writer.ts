/**
 * Writes objects of `Intl` as a locale and options of which an equal one can be made. What an object says of its options may
 * leave something out (of a date of the Chinese calendar the year, of some patterns how long the month is): one is made of
 * them here and compared, once for each object, and where it differs the object is refused.
 */
import { Extension, INTL_KINDS, type IntlKind } from "../../format.ts";
import {
  type IntlObject,
  type IntlOptions,
  intlClass,
  optionsOf,
  samplesOf,
} from "../../platform/intl-classes.ts";
import type { Encoding } from "../encoding.ts";

interface Recipe {
  readonly locale: string;
  readonly options: IntlOptions;
}

/** Of objects that have been written: they never change. */
const recipes = new WeakMap<object, Recipe>();

/** Writes one. @param kind Its class. */
export function writeIntl(encoding: Encoding, object: object, kind: IntlKind): void {
  const recipe = kind === "Locale" ? { locale: String(object), options: {} } : recipeOf(object, kind);
  if (recipe === undefined) {
    encoding.refuse(
      `it is an Intl.${kind} whose options cannot all be told from it; send the locale and the options of which it was made`,
    );
  }
  const extension = encoding.openExtension(Extension.INTL);
  encoding.writeNumber(INTL_KINDS.indexOf(kind));
  encoding.writeString(recipe.locale);
  for (const [key, value] of Object.entries(recipe.options)) {
    encoding.writeString(key);
    encoding.writeValue(value);
  }
  encoding.closeExtension(extension);
}

function recipeOf(object: object, kind: IntlKind): Recipe | undefined {
  const known = recipes.get(object);
  if (known !== undefined) return known;
  const { locale } = (object as IntlObject).resolvedOptions();
  const behaviour = behaviourOf(object as IntlObject, kind);
  const options = candidates(optionsOf(object as IntlObject), kind).find((candidate) => {
    const Class = intlClass(kind);
    return Class !== undefined && behaviourOf(new Class(locale, candidate), kind) === behaviour;
  });
  if (options === undefined) return undefined;
  const recipe = { locale, options };
  recipes.set(object, recipe);
  return recipe;
}

/** All that it says and does, as a text to compare. */
function behaviourOf(object: IntlObject, kind: IntlKind): string {
  return JSON.stringify([object.resolvedOptions(), samplesOf(object, kind)]);
}

/** Of what it may have been made: most of what it says, and dates of what leads to the same. */
function candidates(options: IntlOptions, kind: IntlKind): readonly IntlOptions[] {
  if (kind !== "DateTimeFormat") return [options];
  const { month, year } = options as { readonly month?: string; readonly year?: string };
  const variants: IntlOptions[] = [options];
  if (month === "numeric") {
    for (const other of ["long", "short", "narrow"]) variants.push({ ...options, month: other });
  }
  if (month !== undefined && year === undefined) {
    for (const other of ["numeric", "2-digit"]) variants.push({ ...options, year: other });
  }
  return variants;
}

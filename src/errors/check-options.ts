/**
 * Checks of options as users give them. A check that fails names the option, the value and the values that
 * would be accepted; `undefined` passes everywhere, since it stands for an option that was not given.
 *
 * A format that only one place expects, such as that of an address, is checked there.
 */
import { isAbortSignal } from "../internal/is-abort-signal.ts";
import { MAX_TIMER_MS } from "../internal/time/clock.ts";
import { InvalidOptionError } from "./invalid-option-error.ts";

/** Which integers an option takes. */
export interface IntegerRange {
  readonly least: number;
  /** The largest value. Absent: the largest safe integer. */
  readonly most?: number;
}

/** Which durations an option takes, in milliseconds; fractions are allowed. */
export interface DurationRange {
  /** The shortest. Default 0. */
  readonly least?: number;
  /** A bound that it must exceed, in place of `least`. */
  readonly above?: number;
  /** The longest. Default: the longest time of a timer, about 24 days, and besides `Infinity`, which stands for no limit. */
  readonly most?: number;
  /** The meaning of leaving the option out, if that is worth saying, for example `"no limit"`. */
  readonly absent?: string;
}

/**
 * Checks that `options` is an object in which only known names have values: a misspelt option, or one of another
 * library, would otherwise do nothing in silence. Those that it inherits count, since they are read; symbols name no
 * option.
 *
 * @param known Every name there is; a table typed by the options' own interface, so that none is forgotten.
 * @throws {@link InvalidOptionError} naming the first unknown option and all known ones.
 */
export function assertKnownOptions<T extends object>(
  options: T,
  known: Readonly<Record<keyof T & string, true>>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError("options", { value: options, expected: "an object" });
  }
  let level: object | null = options;
  do {
    for (const name of Object.keys(level))
      if (!Object.hasOwn(known, name)) refuseUnknown(options, name, known);
    for (const symbol of Object.getOwnPropertySymbols(level)) {
      if (Object.prototype.propertyIsEnumerable.call(level, symbol)) refuseUnknown(options, symbol, known);
    }
    level = Object.getPrototypeOf(level) as object | null;
  } while (level !== null && !isRoot(level));
}

/** What is added to the prototype of all objects is nobody's option. There is one for each realm. */
function isRoot(level: object): boolean {
  return level === Object.prototype || Object.hasOwn(level, "isPrototypeOf");
}

function refuseUnknown(options: object, name: string | symbol, known: object): void {
  const value: unknown = Reflect.get(options, name);
  if (value === undefined) return;
  throw new InvalidOptionError(String(name), {
    value,
    expected: `one of the options ${Object.keys(known).join(", ")}`,
  });
}

/** @throws {@link InvalidOptionError} unless it is `true` or `false`. */
export function assertBoolean(option: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new InvalidOptionError(option, { value, expected: "a boolean" });
}

/** @throws {@link InvalidOptionError} unless it is an integer of the range. */
export function assertInteger(option: string, value: unknown, range: IntegerRange): void {
  if (value === undefined) return;
  const { least, most } = range;
  if (
    Number.isSafeInteger(value) &&
    Number(value) >= least &&
    (most === undefined || Number(value) <= most)
  ) {
    return;
  }
  const expected = `an integer from ${least}${most === undefined ? "" : ` to ${most}`}`;
  throw new InvalidOptionError(option, { value, expected });
}

/** @throws {@link InvalidOptionError} unless it is a number of milliseconds of the range. */
export function assertDuration(option: string, value: unknown, range: DurationRange = {}): void {
  if (value === undefined) return;
  const { least = 0, above, most = MAX_TIMER_MS, absent } = range;
  const mayBeUnlimited = range.most === undefined;
  if (mayBeUnlimited && value === Number.POSITIVE_INFINITY) return;
  if (typeof value === "number" && value <= most && (above === undefined ? value >= least : value > above)) {
    return;
  }
  const bounds = above === undefined ? `from ${least} to ${most}` : `above ${above} and at most ${most}`;
  const others = [...(mayBeUnlimited ? ["Infinity"] : []), ...(absent === undefined ? [] : ["nothing"])];
  const rest = others.length === 0 ? "" : `, or ${others.join(" or ")} for ${absent ?? "no limit"}`;
  throw new InvalidOptionError(option, { value, expected: `milliseconds ${bounds}${rest}` });
}

/**
 * @param expected What the function is for.
 * @throws {@link InvalidOptionError} unless it is a function.
 */
export function assertFunction(option: string, value: unknown, expected: string): void {
  if (value === undefined || typeof value === "function") return;
  throw new InvalidOptionError(option, { value, expected });
}

/** @throws {@link InvalidOptionError} unless it has all the methods. */
export function assertMethods(option: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined) return;
  for (const method of methods) {
    if (typeof (value as Record<string, unknown> | null)?.[method] === "function") continue;
    throw new InvalidOptionError(option, { value, expected: `an object with a method '${method}'` });
  }
}

/** @throws {@link InvalidOptionError} unless it can be used as an `AbortSignal`. */
export function assertSignal(option: string, value: unknown): void {
  if (value === undefined || isAbortSignal(value)) return;
  throw new InvalidOptionError(option, { value, expected: "an AbortSignal" });
}

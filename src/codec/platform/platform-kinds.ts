/**
 * Tells of which class of the platform an object is that has a form on the wire although its content is in no field. Asked
 * only about instances of classes that are known by nothing else. Looks at the name first: asking for `Headers` and its like
 * has Node load them.
 */
import { INTL_KINDS, TEMPORAL_KINDS } from "../format.ts";

/** Classes of the platform that are global. */
const WEB_KINDS = ["Blob", "File", "Headers", "FormData", "Request", "Response"] as const;
export type WebKind = (typeof WEB_KINDS)[number];

/** Where the platform has a class. */
export type PlatformNamespace = "global" | "Intl" | "Temporal";

/** A class of the platform. */
export interface PlatformKind {
  readonly namespace: PlatformNamespace;
  readonly name: string;
}

const KINDS: ReadonlyMap<string, PlatformKind> = new Map([
  ...kindsOf("global", WEB_KINDS),
  ...kindsOf("Intl", INTL_KINDS),
  ...kindsOf("Temporal", TEMPORAL_KINDS),
]);

function kindsOf(
  namespace: PlatformNamespace,
  names: readonly string[],
): readonly (readonly [string, PlatformKind])[] {
  return names.map((name) => [name, { namespace, name }]);
}

/** The class with exactly this prototype; `undefined` if that is none of them, or of another realm. */
export function platformKindOf(prototype: object): PlatformKind | undefined {
  const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  if (typeof constructor !== "function") return undefined;
  const kind = KINDS.get(constructor.name);
  return kind !== undefined && platformClass(kind) === constructor ? kind : undefined;
}

/** The class of this platform; `undefined` if it has none. */
export function platformClass({ namespace, name }: PlatformKind): unknown {
  const { Intl, Temporal } = globalThis as { readonly Intl: object; readonly Temporal?: object };
  const owner = namespace === "global" ? globalThis : namespace === "Intl" ? Intl : Temporal;
  return (owner as Readonly<Record<string, unknown>> | undefined)?.[name];
}

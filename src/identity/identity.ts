/**
 * The text form of an identity, `<package name>/<module path>#<name>`, and which texts are refused as one.
 * Identities come from the network: none that is accepted here can point outside a package, to a path of the
 * host or to a URL.
 */
import { RoutineDeclarationError } from "../errors/routine-declaration-error.ts";

/** The two parts of an identity. */
export interface Identity {
  /** `<package name>/<module path from the package root>`. */
  readonly module: string;
  /** Name of the routine or class within its module. */
  readonly name: string;
}

/**
 * The longest identity accepted, in UTF-16 code units.
 *
 * @internal for tests as well
 */
export const MAX_IDENTITY_LENGTH = 512;

/**
 * Writes an identity.
 *
 * @throws {@link RoutineDeclarationError} if the parts do not make an acceptable identity.
 * @example
 * formatIdentity("thumbs/src/jobs.ts", "resize"); // => "thumbs/src/jobs.ts#resize"
 */
export function formatIdentity(module: string, name: string): string {
  if (name.includes("#")) {
    throw new RoutineDeclarationError(
      `Cannot use '${preview(name)}' as a name: it contains a '#', which is where an identity's name begins`,
    );
  }
  const text = `${module}#${name}`;
  assertIdentity(text);
  return text;
}

/**
 * Reads an identity that names a module.
 *
 * @returns `undefined` if the text is not an acceptable identity, or is one given by `{ id }` without a module.
 */
export function parseIdentity(text: string): Identity | undefined {
  const at = text.lastIndexOf("#");
  if (at === -1 || identityFault(text) !== undefined) return undefined;
  return { module: text.slice(0, at), name: text.slice(at + 1) };
}

/**
 * Refuses a text that cannot be an identity.
 *
 * @throws {@link RoutineDeclarationError} naming what is wrong.
 */
export function assertIdentity(text: string): void {
  const fault = identityFault(text);
  if (fault !== undefined) {
    throw new RoutineDeclarationError(
      `Cannot use '${preview(text)}' as an identity: ${fault}; choose one with { name } or { id }`,
    );
  }
}

/** Says what is wrong with an identity, as a clause, or `undefined` for an acceptable one. Never throws. */
export function identityFault(text: string): string | undefined {
  if (text.length > MAX_IDENTITY_LENGTH) return `it is longer than ${MAX_IDENTITY_LENGTH} characters`;
  // UTF-8 has no lone surrogates: such a text would arrive as another one.
  if (!text.isWellFormed()) return "it is not well-formed Unicode";
  if (/[\p{Cc}\u2028\u2029]/u.test(text)) return "it contains a control character";
  if (text.includes("\\")) return "it contains a backslash";
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return "it is a URL or names a built-in module";
  if (text.startsWith("/")) return "it is an absolute path";
  const at = text.lastIndexOf("#");
  const module = at === -1 ? text : text.slice(0, at);
  if (at !== -1 && text.slice(at + 1).trim() === "") return "its name is empty";
  for (const segment of module.split("/")) {
    if (segment.trim() === "") return "a part of it is empty";
    // Nothing here decodes an identity, but a spelling that some tool might decode is refused anyway.
    if (/^(?:\.|%2e){1,2}$/i.test(segment) || /%(?:2f|5c|00)/i.test(segment))
      return "it climbs out of its package";
  }
  return undefined;
}

/** Enough of a hostile text to recognise it, without its control characters. */
function preview(text: string): string {
  const shown = text.slice(0, 100).replace(/[\p{Cc}\u2028\u2029]/gu, "\uFFFD");
  return shown.length < text.length ? `${shown}…` : shown;
}

/**
 * What the ends of a flow agree on where its items go from worker to worker: who can give a stream, and where somebody
 * else has to take it.
 */
import { randomBytes } from "node:crypto";

/** Where a stream is to be taken. */
export interface GivenStream {
  /** The worker that has it. */
  readonly uid: string;
  /** What is to be shown there. */
  readonly token: string;
}

/** The method by which a stream that has come from a worker is given to another one. */
const GIVE = Symbol("merino.give");

/**
 * Has the worker of a stream keep its items for whoever shows a token. Called in the branch in which it is read: also
 * where it is read by whoever asks, its context variables are those of that one from then on.
 *
 * @param dispatcher Of the call that it is an argument of: its worker knows the workers of that one. Absent: it takes none.
 * @returns `undefined` if it is to be read where it is.
 */
export type Give = (dispatcher: object | undefined) => Promise<GivenStream | undefined> | undefined;

/** Makes an object, or all of a prototype, one that can be given. @param giveOf What gives it; the object may be one below. */
export function makeGivable<T extends object>(target: T, giveOf: (stream: T) => Give): void {
  const value = function (this: T, dispatcher: object | undefined): ReturnType<Give> {
    return giveOf(this)(dispatcher);
  };
  Object.defineProperty(target, GIVE, { value });
}

/** How it is given; `undefined` if it cannot be. */
export function giveOf(source: object): Give | undefined {
  const give = (source as { readonly [GIVE]?: Give })[GIVE];
  return give === undefined ? undefined : (dispatcher) => give.call(source, dispatcher);
}

/** Of a flow whose items are at no other worker. */
export const NOT_AWAY = "a flow is asked for here that has not been given elsewhere";

/** Of a flow that is read, has been given, or is none that can be. */
export const NOT_GIVABLE = "a flow is given away that cannot be, or not any more";

/** Bytes of a token. */
const TOKEN_BYTES = 16;
/** A longer one is none. */
const MAX_TOKEN_CHARS = 64;
const MAX_UID_CHARS = 128;

export function createToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

export function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TOKEN_CHARS;
}

/** As it is sent. */
export function writeGiven({ uid, token }: GivenStream): readonly [string, string] {
  return [uid, token];
}

/** As it has come; `undefined` if it is nothing of the kind. */
export function readGiven(value: unknown): GivenStream | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [uid, token] = value as readonly unknown[];
  if (typeof uid !== "string" || uid.length === 0 || uid.length > MAX_UID_CHARS) return undefined;
  return isToken(token) ? { uid, token } : undefined;
}

/**
 * Keys met before, by a hash of their bytes, so that a key costs a comparison and no new string. Shared by all readers;
 * its size is fixed, so hostile keys can only push out others, and which ones a peer cannot know: the hash has a secret.
 * Keys that have to be defined (`special-keys.ts`) are never in it, which is how the reader knows that a key is harmless.
 */
import { randomBytes } from "node:crypto";
import { isSpecialKey } from "./special-keys.ts";

const SLOTS = 4096;
/** Longer keys are not kept. */
export const LONGEST_CACHED_BYTES = 31;
const SLOT_BYTES = LONGEST_CACHED_BYTES + 1;
/** Odd, so that no bit of a key is lost. */
const FACTOR = randomBytes(4).readInt32LE(0) | 1;

const keys: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);
/** Of each slot: the bytes of the key, and last how many they are. */
const contents = new Uint8Array(SLOTS * SLOT_BYTES);
/** How often a key has been met since it came here, up to the number at which it becomes a property's name. */
const sightings = new Uint8Array(SLOTS);
/**
 * Making a string the name of a property takes a microsecond, so only keys that are met often are. Keys met once, such as
 * ids, leave nothing behind.
 */
const OFTEN = 8;

/** The slot of a key. */
export function slotOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = length;
  for (let index = 0; index < length; index++)
    hash = (Math.imul(hash, FACTOR) + (bytes[from + index] as number)) | 0;
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}

/** The key of these bytes, if the slot has it. */
export function cachedKey(slot: number, bytes: Uint8Array, from: number, length: number): string | undefined {
  const key = keys[slot];
  const base = slot * SLOT_BYTES;
  if (key === undefined || contents[base + LONGEST_CACHED_BYTES] !== length) return undefined;
  let index = 0;
  while (index < length && contents[base + index] === bytes[from + index]) index++;
  if (index < length) return undefined;
  return (sightings[slot] as number) === OFTEN ? key : metAgain(slot, key);
}

/** Puts a key into its slot, unless it is a special one. */
export function cacheKey(slot: number, key: string, bytes: Uint8Array, from: number, length: number): void {
  if (isSpecialKey(key)) return;
  keys[slot] = key;
  sightings[slot] = 0;
  const base = slot * SLOT_BYTES;
  contents[base + LONGEST_CACHED_BYTES] = length;
  for (let index = 0; index < length; index++) contents[base + index] = bytes[from + index] as number;
}

/** Counts a key, and has the engine keep one copy of it, which is the quick one to use, when it is met often. */
function metAgain(slot: number, key: string): string {
  const count = (sightings[slot] as number) + 1;
  sightings[slot] = count;
  if (count < OFTEN) return key;
  const name = Object.keys({ [key]: 0 })[0] as string;
  keys[slot] = name;
  return name;
}

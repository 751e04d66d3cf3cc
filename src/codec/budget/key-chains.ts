/**
 * Counts how often keys of one Map or Set meet in a slot of the engine's hash table. V8 hashes numbers, bigints and
 * strings that are array indexes without a secret (bigints even by their low 64 bits alone), so that a peer can
 * make thousands of them meet: every insertion then walks past all of them. Objects and other strings are hashed
 * by secrets of the process.
 *
 * @see `ComputeUnseededHash`, `ComputeLongHash` in https://github.com/v8/v8/blob/main/src/utils/utils.h,
 *   `Object::GetSimpleHash` in src/objects/objects-inl.h, `MakeArrayIndexHash` in src/strings/string-hasher-inl.h.
 */

/** Fewer keys than this cannot cost much, whatever they are. */
export const FEW_KEYS = 64;
/** Keys in a slot of the engine's table when it is full. */
const LOAD = 2;
/** Steps per key that keys take by chance, and some more. */
const STEPS_BY_CHANCE = 4;

const scratch = new DataView(new ArrayBuffer(8));

/** The hash of a whole number of 32 bits. */
export function hashInt32(value: number): number {
  let hash = value | 0;
  hash = (~hash + (hash << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2057);
  hash ^= hash >>> 16;
  return hash & 0x3fff_ffff;
}

/** The hash of 64 bits, by halves: a bigint for each step would cost more than the key does. */
export function hash64(high: number, low: number): number {
  // hash = ~hash + (hash << 18)
  let lower = (~low >>> 0) + ((low << 18) >>> 0);
  let upper = (~high + ((high << 18) | (low >>> 14)) + carryOf(lower)) | 0;
  lower |= 0;
  // hash ^= hash >>> 31
  lower ^= (upper << 1) | (lower >>> 31);
  upper ^= upper >>> 31;
  // hash *= 21, which is 16 + 4 + 1
  const product = (lower >>> 0) + ((lower << 2) >>> 0) + ((lower << 4) >>> 0);
  upper = (upper + ((upper << 2) | (lower >>> 30)) + ((upper << 4) | (lower >>> 28)) + carryOf(product)) | 0;
  lower = product | 0;
  // hash ^= hash >>> 11
  lower ^= (lower >>> 11) | (upper << 21);
  upper ^= upper >>> 11;
  // hash += hash << 6
  const sum = (lower >>> 0) + ((lower << 6) >>> 0);
  upper = (upper + ((upper << 6) | (lower >>> 26)) + carryOf(sum)) | 0;
  lower = sum | 0;
  // hash ^= hash >>> 22
  lower ^= (lower >>> 22) | (upper << 10);
  return lower & 0x3fff_ffff;
}

/** What a sum of lower halves adds to the upper one. */
function carryOf(sum: number): number {
  return Math.floor(sum / 0x1_0000_0000);
}

/** The hash of a number. */
export function hashNumber(value: number): number {
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff && Math.trunc(value) === value) return hashInt32(value);
  scratch.setFloat64(0, value);
  return hash64(scratch.getUint32(0), scratch.getUint32(4));
}

/** The hash of a string that is an array index of `length` digits. */
export function hashIndex(index: number, length: number): number {
  return ((index << 2) | (length << 26)) >>> 2;
}

/**
 * How many steps the engine takes beyond those that chance explains, while keys of these hashes are inserted.
 * The table is looked at as it is at several sizes: keys may meet in a small one and part in a larger.
 */
export function excessSteps(hashes: readonly number[]): number {
  let steps = 0;
  for (let count = hashes.length; count >= FEW_KEYS; count >>>= 2) {
    const slots = 2 ** Math.floor(Math.log2(count / LOAD));
    const taken = new Uint32Array(slots);
    let met = 0;
    for (let index = 0; index < count; index++) {
      const slot = (hashes[index] as number) & (slots - 1);
      const before = taken[slot] as number;
      met += before;
      taken[slot] = before + 1;
    }
    steps += Math.max(0, met - count * STEPS_BY_CHANCE);
  }
  return steps;
}

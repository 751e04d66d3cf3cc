/** Reads arrays: in memory of about their size, which most of them have from the start. */
import { Extension } from "../format.ts";
import type { Decoding } from "./decoding.ts";

/** Holes up to this many are made by leaving slots of a plain array empty. */
const SMALL_GAP = 32;
/** So many elements of an array get their memory at once; when they have come, so many times as many. */
const FIRST_ROOM = 1024;
const ROOM_FACTOR = 4;
/** Arrays of so many elements or fewer are made by a literal. */
const MOST_LITERAL = 6;
/** Of an array. */
export const HIGHEST_INDEX = 0xffff_fffe;

/** Reads an array of up to two values, which takes no more memory than they need. */
export function readShortArray(decoding: Decoding, length: number): unknown[] {
  if (length === 0 || isHoleAt(decoding, decoding.position)) return readLongArray(decoding, length);
  if (++decoding.depth > decoding.maxDepth) decoding.enter();
  let array: unknown[];
  if (decoding.objects === undefined) {
    const first = decoding.readValue();
    if (length === 1) array = [first];
    else
      array = isHoleAt(decoding, decoding.position)
        ? withHole(decoding, [first])
        : [first, decoding.readValue()];
  } else {
    array = length === 1 ? [undefined] : [undefined, undefined];
    decoding.objects.push(array);
    array[0] = decoding.readValue();
    if (length === 2) {
      if (isHoleAt(decoding, decoding.position)) {
        array.length = 1;
        withHole(decoding, array);
      } else {
        array[1] = decoding.readValue();
      }
    }
  }
  decoding.depth--;
  return array;
}

/** Reads the hole that ends an array of two. */
function withHole(decoding: Decoding, array: unknown[]): unknown[] {
  readHoles(decoding, 1, 2);
  array.length = 2;
  return array;
}

function isHoleAt(decoding: Decoding, at: number): boolean {
  const token = decoding.bytes[at] as number;
  return token >= 0xd4 && token <= 0xd6 && decoding.bytes[at + 1] === Extension.HOLES;
}

/** Reads so many elements, some of which may be holes, into an array. */
export function readArray(decoding: Decoding, length: number): unknown[] {
  return length <= 2 ? readShortArray(decoding, length) : readLongArray(decoding, length);
}

function readLongArray(decoding: Decoding, length: number): unknown[] {
  if (length === 0) return emptyArray(decoding, 0);
  if (isHoleAt(decoding, decoding.position)) {
    const array = emptyArray(decoding, length <= SMALL_GAP ? length : 0);
    return readElements(decoding, { array, from: 0, length });
  }
  let room = Math.min(length, FIRST_ROOM);
  const array = room <= MOST_LITERAL ? shortArray(room) : new Array<unknown>(room);
  decoding.objects?.push(array);
  if (++decoding.depth > decoding.maxDepth) decoding.enter();
  for (let index = 0; index < length; index++) {
    if (isHoleAt(decoding, decoding.position)) {
      decoding.depth--;
      if (length <= MOST_LITERAL || length > SMALL_GAP) array.length = index;
      return readElements(decoding, { array, from: index, length });
    }
    if (index === room) {
      room = Math.min(length, ROOM_FACTOR * room);
      array.length = room;
    }
    array[index] = decoding.readValue();
  }
  decoding.depth--;
  return array;
}

/** An array of three to six elements, by a literal, which takes the engine half as long as a call. */
function shortArray(length: number): unknown[] {
  switch (length) {
    case 3:
      return [undefined, undefined, undefined];
    case 4:
      return [undefined, undefined, undefined, undefined];
    case 5:
      return [undefined, undefined, undefined, undefined, undefined];
    default:
      return [undefined, undefined, undefined, undefined, undefined, undefined];
  }
}

/** With room for so many elements. */
function emptyArray(decoding: Decoding, length: number): unknown[] {
  const array = length === 0 ? [] : new Array<unknown>(length);
  decoding.register(array);
  return array;
}

/** What is still to be read of an array. */
interface Rest {
  readonly array: unknown[];
  readonly from: number;
  readonly length: number;
}

/** Reads the elements from a hole on. Apart from the others, because the engine can do less for an array with many. */
function readElements(decoding: Decoding, { array, from, length }: Rest): unknown[] {
  decoding.enter();
  let isSparse = false;
  for (let index = from; index < length; index++) {
    const holes = readHoles(decoding, index, length);
    if (holes === 0) {
      array[index] = decoding.readValue();
      continue;
    }
    index += holes - 1;
    if (holes > SMALL_GAP && !isSparse) {
      // An element at the far end makes the array a sparse one, whose memory does not depend on its length. Once: to
      // take it away again takes as long as there are elements.
      array[HIGHEST_INDEX] = undefined;
      array.length = Math.min(index + 1, HIGHEST_INDEX); // in an array of the greatest length, it would stay
      isSparse = true;
    }
  }
  // Holes at the end.
  if (array.length !== length) array.length = length;
  decoding.leave();
  return array;
}

/** Skips a run of holes, if one comes next. @returns Its length. */
function readHoles(decoding: Decoding, index: number, length: number): number {
  const at = decoding.position;
  const token = decoding.bytes[at] as number;
  if (token < 0xd4 || token > 0xd6 || decoding.bytes[at + 1] !== Extension.HOLES || at + 1 >= decoding.end)
    return 0;
  decoding.position = at + 1;
  const size = decoding.extensionLength(token) as number;
  decoding.position++;
  const holes = decoding.readNumberOf(size);
  if (holes === 0 || index + holes > length) decoding.fail("an array has more holes than elements");
  return holes;
}

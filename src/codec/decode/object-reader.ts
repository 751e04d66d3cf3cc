/** Reads plain objects: small ones get a hidden class from the engine, others are hash tables from the start. */
import { MANY_FIELDS, MANY_KEYS } from "../budget/prices.ts";
import { HIGHEST_INDEX } from "./array-reader.ts";
import { type Decoding, defineField } from "./decoding.ts";
import { emptyObject } from "./empty-object.ts";

/** More keys than this that had not been met make it likely that others come. */
const MANY_NEW_KEYS = 256;
/** Indexes up to so many times the number of fields are taken to be those of a dense object. */
const FAR_FACTOR = 2;

/** Reads so many fields into a plain object. */
export function readObject(decoding: Decoding, count: number): object {
  if (count * 2 > decoding.end - decoding.position) decoding.fail("it ends too early");
  if (count >= MANY_FIELDS || (count > 0 && isOneOfItsKind(decoding))) return readTable(decoding, count);
  const object = emptyObject(count);
  decoding.objects?.push(object);
  if (++decoding.depth > decoding.maxDepth) decoding.enter();
  if (count === 0) {
    decoding.depth--;
    return object;
  }
  for (let rest = count; ; rest--) {
    readField(decoding, object);
    if (rest > 1) continue; // the way back of a loop costs, for one field too: `budget/payload-audit.ts`
    decoding.depth--;
    return object;
  }
}

function readField(decoding: Decoding, object: Record<string, unknown>): void {
  const index = isDigitNext(decoding) ? decoding.readIndexKey() : -1;
  if (index !== -1) {
    object[index] = decoding.readValue();
    return;
  }
  const key = decoding.readKey();
  if (decoding.dangerousKey) defineField(object, key, { value: decoding.readValue(), assignable: false });
  else object[key] = decoding.readValue();
}

function isDigitNext({ bytes, position }: Decoding): boolean {
  const byte = bytes[position + 1] as number;
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * Whether an object begins with a key of its own after many that did. Hidden classes for such objects take longer to
 * make than all the rest, and when there are too many, each of the objects is made a hash table in the end.
 */
function isOneOfItsKind(decoding: Decoding): boolean {
  return decoding.newKeys > MANY_NEW_KEYS && !decoding.isKnownKeyNext();
}

/** An object that is a hash table from the start: no hidden class for each of its keys. */
function readTable(decoding: Decoding, count: number): object {
  const object = Object.setPrototypeOf(Object.create(null), Object.prototype) as Record<string, unknown>;
  decoding.objects?.push(object);
  decoding.enter();
  const likelyNew = count > MANY_KEYS;
  let far = FAR_FACTOR * count;
  for (let rest = count; rest > 0; rest--) {
    const index = decoding.readIndexKey();
    if (index !== -1) {
      if (index > far) {
        keepSparse(object);
        far = Number.POSITIVE_INFINITY;
      }
      object[index] = decoding.readValue();
      continue;
    }
    const key = likelyNew ? decoding.readNewKey() : decoding.readKey();
    if (decoding.dangerousKey) defineField(object, key, { value: decoding.readValue(), assignable: false });
    else object[key] = decoding.readValue();
  }
  decoding.depth--;
  return object;
}

/**
 * Has the engine keep the fields of an object whose keys are indexes in a hash table from now on. Without it, the engine
 * goes over all indexes that there might be, each time it finds that an array would take less memory.
 */
function keepSparse(object: Record<number, unknown>): void {
  object[HIGHEST_INDEX] = undefined;
  delete object[HIGHEST_INDEX];
}

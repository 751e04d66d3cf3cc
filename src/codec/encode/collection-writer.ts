/** Writes arrays (also with holes and with fields of their own), Maps and Sets. */
import { Extension } from "../format.ts";
import type { Encoding } from "./encoding.ts";
import { fieldOf, hasSymbolFields, refuseSymbolField } from "./field-writer.ts";
import { fieldKeys, isIndex, refuseFields } from "./own-fields.ts";
import { Step } from "./trail.ts";

const owns = Object.prototype.hasOwnProperty;
const entriesOf = Map.prototype.entries;
const membersOf = Set.prototype.values;
/** Writes an array. Only the arguments of a call skip the look for fields: they come from a rest parameter. */
export function writeArray(encoding: Encoding, array: readonly unknown[]): void {
  if (encoding.wroteReference(array)) return;
  const isParameters = encoding.depth === 0 && encoding.options.root === "args";
  const fields = isParameters ? undefined : fieldKeys(array);
  encoding.enter(Step.PROPERTY);
  if (!isParameters && hasSymbolFields(array)) refuseSymbolField(encoding, array);
  if (fields === undefined) {
    writeElements(encoding, array);
  } else {
    const extension = encoding.openExtension(Extension.ARRAY_WITH_FIELDS);
    writeElements(encoding, array);
    for (const key of fields) {
      encoding.at(key);
      encoding.writeString(key);
      encoding.writeValue(fieldOf(encoding, array, key));
    }
    encoding.closeExtension(extension);
  }
  encoding.leave();
}

function writeElements(encoding: Encoding, array: readonly unknown[]): void {
  const length = array.length;
  encoding.writeArrayHead(length);
  for (let index = 0; index < length; index++) {
    encoding.at(index);
    const element = encoding.lenient ? fieldOf(encoding, array, index as never) : array[index];
    if (element === undefined && !owns.call(array, index)) {
      writeSparse(encoding, array, { index, length });
      return;
    }
    encoding.writeValue(element);
  }
}

/** Writes the elements from the first hole on by listing the keys, so that the cost does not depend on the length. */
function writeSparse(
  encoding: Encoding,
  array: readonly unknown[],
  from: { index: number; length: number },
): void {
  let next = from.index;
  for (const key of Object.keys(array)) {
    const index = Number(key);
    if (!isIndex(key, index)) break;
    if (index < next || index >= from.length) continue;
    writeHoles(encoding, index - next);
    encoding.at(index);
    encoding.writeValue(fieldOf(encoding, array, key));
    next = index + 1;
  }
  writeHoles(encoding, from.length - next);
}

function writeHoles(encoding: Encoding, count: number): void {
  if (count > 0) encoding.writeNumberExtension(Extension.HOLES, count);
}

/** Writes a Map: keys and values in turn. */
export function writeMap(encoding: Encoding, map: ReadonlyMap<unknown, unknown>): void {
  if (encoding.wroteReference(map)) return;
  refuseFields(encoding, map);
  const extension = encoding.openExtension(Extension.MAP);
  encoding.enter(Step.MAP_KEY);
  const { steps } = encoding.trail;
  const level = encoding.depth - 1;
  let index = 0;
  for (const [key, value] of entriesOf.call(map)) {
    if (typeof key === "string") {
      encoding.writeString(key);
    } else {
      steps[level] = Step.MAP_KEY;
      encoding.at(index);
      encoding.writeValue(key);
    }
    steps[level] = Step.MAP_VALUE;
    encoding.at(typeof key === "object" ? "…" : key);
    encoding.writeValue(value);
    index++;
  }
  encoding.leave();
  encoding.closeExtension(extension);
}

/** Writes a Set: its members in turn. */
export function writeSet(encoding: Encoding, set: ReadonlySet<unknown>): void {
  if (encoding.wroteReference(set)) return;
  refuseFields(encoding, set);
  const extension = encoding.openExtension(Extension.SET);
  encoding.enter(Step.MEMBER);
  let index = 0;
  for (const member of membersOf.call(set)) {
    encoding.at(index++);
    encoding.writeValue(member);
  }
  encoding.leave();
  encoding.closeExtension(extension);
}

/**
 * The lists of a Task: its callers, its trace context, its caller's features. While a frame is scanned they are only
 * checked and skipped; they are decoded when somebody asks, from the range of the Task.
 */

import { type Caller, MAX_CALLERS } from "../frames.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";

/** Tag of a Caller in a Task. */
export const CALLER_TAG = 882;
/** Tag of an entry of the trace context in a Task. */
export const TRACE_TAG = 858;
/** Tag of one feature in a Task … */
export const FEATURE_TAG = 872;
/** … and of several, packed. */
export const FEATURES_TAG = 874;

/**
 * Skips a message that has nothing but strings, numbered from 1, once they are known to be valid.
 *
 * @param lastField Its highest field number.
 */
export function skipStrings(scanner: FieldScanner, lastField: number): void {
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if ((tag & 7) === 2 && tag >>> 3 <= lastField) scanner.skipText();
    else scanner.skipUnknown(tag, lastField);
  }
  scanner.leave(outer);
}

/** Decodes the first {@link MAX_CALLERS} callers of a Task that has been checked. */
export function readCallers(bytes: Uint8Array, start: number, end: number): readonly Caller[] {
  const callers: Caller[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== CALLER_TAG || callers.length === MAX_CALLERS) scanner.skip(tag);
    else callers.push(readCaller(scanner));
  }
  return callers;
}

/** Decodes the trace context of a Task that has been checked. Of two entries of one name the last counts. */
export function readTrace(bytes: Uint8Array, start: number, end: number): ReadonlyMap<string, string> {
  const trace = new Map<string, string>();
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== TRACE_TAG) {
      scanner.skip(tag);
      continue;
    }
    const [name, value] = readStrings(scanner);
    trace.set(name, value);
  }
  return trace;
}

/** Decodes the features of a Task that has been checked. */
export function readFeatures(bytes: Uint8Array, start: number, end: number): readonly number[] {
  const features: number[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === FEATURE_TAG) {
      features.push(scanner.uint32());
    } else if (tag === FEATURES_TAG) {
      const outer = scanner.enter();
      while (scanner.position < scanner.end) features.push(scanner.uint32());
      scanner.leave(outer);
    } else {
      scanner.skip(tag);
    }
  }
  return features;
}

function readCaller(scanner: FieldScanner): Caller {
  const [id, routine, tag] = readStrings(scanner);
  return { id, routine, tag: tag === "" ? undefined : tag };
}

/** Reads the fields 1 to 3 of a message. */
function readStrings(scanner: FieldScanner): [string, string, string] {
  const texts: [string, string, string] = ["", "", ""];
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === 10) texts[0] = scanner.text();
    else if (tag === 18) texts[1] = scanner.text();
    else if (tag === 26) texts[2] = scanner.text();
    else scanner.skip(tag);
  }
  scanner.leave(outer);
  return texts;
}

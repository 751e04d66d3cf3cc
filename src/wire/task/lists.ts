/**
 * The lists of a Task: its callers, their identities, what they hold, its caller's features; its trace context is in `trace.ts`. While a
 * frame is scanned they are only checked and skipped; they are decoded when somebody asks, from the range of the Task.
 */

import { type Caller, MAX_CALLERS, MAX_HELD, MAX_ORIGIN_IDENTITIES } from "../frames.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";
import { CallerTag, TaskTag } from "../tags.ts";

/** Decodes the first {@link MAX_CALLERS} callers of a Task that has been checked. */
export function readCallers(bytes: Uint8Array, start: number, end: number): readonly Caller[] {
  const callers: Caller[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== TaskTag.Callers || callers.length === MAX_CALLERS) scanner.skip(tag);
    else callers.push(readCaller(scanner));
  }
  return callers;
}

/** Decodes the first {@link MAX_ORIGIN_IDENTITIES} identities of the first caller of a Task that has been checked. */
export function readOrigin(bytes: Uint8Array, start: number, end: number): readonly string[] {
  const origin: string[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== TaskTag.Origin || origin.length === MAX_ORIGIN_IDENTITIES) scanner.skip(tag);
    else origin.push(scanner.text());
  }
  return origin;
}

/** Decodes the first {@link MAX_HELD} resources held of a Task that has been checked. */
export function readHeld(bytes: Uint8Array, start: number, end: number): readonly string[] {
  const held: string[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== TaskTag.Held || held.length === MAX_HELD) scanner.skip(tag);
    else held.push(scanner.text());
  }
  return held;
}

/** Decodes the features of a Task that has been checked. */
export function readFeatures(bytes: Uint8Array, start: number, end: number): readonly number[] {
  const features: number[] = [];
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === TaskTag.FeaturesUnpacked) {
      features.push(scanner.uint32());
    } else if (tag === TaskTag.Features) {
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
  let id = "";
  let routine = "";
  let callerTag = "";
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === CallerTag.Id) id = scanner.text();
    else if (tag === CallerTag.Routine) routine = scanner.text();
    else if (tag === CallerTag.Tag) callerTag = scanner.text();
    else scanner.skip(tag);
  }
  scanner.leave(outer);
  return { id, routine, tag: callerTag === "" ? undefined : callerTag };
}

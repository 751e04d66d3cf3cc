/** Reads objects of `Temporal`, where the platform has it. */
import { DURATION_FIELDS, TEMPORAL_KINDS, type TemporalKind } from "../../format.ts";
import { platformClass } from "../../platform/platform-kinds.ts";
import type { Decoding } from "../decoding.ts";

interface TemporalClass {
  new (...parameters: readonly unknown[]): object;
  from(text: string): object;
}

/** Reads one. */
export function readTemporal(decoding: Decoding): object {
  const index = decoding.reserve();
  const kind = TEMPORAL_KINDS[decoding.readCount()];
  if (kind === undefined) decoding.failHere("it holds an object of Temporal that this version does not know");
  const content = contentOf(decoding, kind);
  const Class = platformClass({ namespace: "Temporal", name: kind }) as TemporalClass | undefined;
  if (Class === undefined)
    decoding.failHere(`it holds a Temporal.${kind}, and this version of Node has no Temporal`);
  let object: object;
  try {
    object = typeof content === "string" ? Class.from(content) : new Class(...content);
  } catch {
    // The time zone or the calendar may be one that others know.
    decoding.failHere(`it holds a Temporal.${kind} that cannot be made here`);
  }
  decoding.settle(index, object);
  return object;
}

function contentOf(decoding: Decoding, kind: TemporalKind): string | readonly unknown[] {
  if (kind === "Duration") return DURATION_FIELDS.map(() => decoding.readNumber());
  if (kind !== "ZonedDateTime") return decoding.readString();
  const nanoseconds = decoding.readValue();
  if (typeof nanoseconds !== "bigint") decoding.fail("a time is no bigint");
  return [nanoseconds, decoding.readString(), decoding.readString()];
}

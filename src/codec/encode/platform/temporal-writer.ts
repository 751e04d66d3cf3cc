/**
 * Writes objects of `Temporal`: most as the text from which their class makes them. Of a date with a time zone the text
 * rounds old offsets and depends on the rules of the zone, and of a duration it adds up what is below a second.
 */
import { DURATION_FIELDS, Extension, TEMPORAL_KINDS, type TemporalKind } from "../../format.ts";
import type { Encoding } from "../encoding.ts";

interface Zoned {
  readonly epochNanoseconds: bigint;
  readonly timeZoneId: string;
  readonly calendarId: string;
}

type Duration = Readonly<Record<(typeof DURATION_FIELDS)[number], number>>;

/** Writes one. @param kind Its class. */
export function writeTemporal(encoding: Encoding, object: object, kind: TemporalKind): void {
  const extension = encoding.openExtension(Extension.TEMPORAL);
  encoding.writeNumber(TEMPORAL_KINDS.indexOf(kind));
  if (kind === "ZonedDateTime") {
    const { epochNanoseconds, timeZoneId, calendarId } = object as Zoned;
    encoding.writeBigInt(epochNanoseconds);
    encoding.writeString(timeZoneId);
    encoding.writeString(calendarId);
  } else if (kind === "Duration") {
    for (const field of DURATION_FIELDS) encoding.writeNumber((object as Duration)[field]);
  } else {
    encoding.writeString(String(object));
  }
  encoding.closeExtension(extension);
}

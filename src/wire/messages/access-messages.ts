/** The messages of `access`, by which a worker's own user asks what a caller with some identities may call. */
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { AccessReportTag, AccessRequestTag, RoutineAccessTag } from "../tags.ts";

/** What the worker would decide about calls of one routine. */
export interface RoutineAccess {
  /** Identity of the routine. */
  readonly routine: string;
  readonly permitted: boolean;
  /** Which rule decides, for people. */
  readonly rule: string;
}

const REQUEST_FIELDS = fieldNumbers(AccessRequestTag);
const REPORT_FIELDS = fieldNumbers(AccessReportTag);
const ROUTINE_FIELDS = fieldNumbers(RoutineAccessTag);

/** Encodes the question about a caller with these identities. */
export function encodeAccessRequest(identities: readonly string[]): Uint8Array {
  const writer = new FieldWriter();
  for (const identity of identities) writer.element(AccessRequestTag.Identities, identity);
  return writer.finish();
}

/**
 * Decodes the identities of the caller that is asked about.
 *
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeAccessRequest(bytes: Uint8Array): readonly string[] {
  const scanner = scannerOf(bytes);
  const identities: string[] = [];
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === AccessRequestTag.Identities) identities.push(scanner.text());
    else scanner.skipUnknown(tag, REQUEST_FIELDS);
  }
  scanner.assertIntact("AccessRequest");
  return identities;
}

/** Encodes what the worker would decide. */
export function encodeAccessReport(routines: readonly RoutineAccess[]): Uint8Array {
  const writer = new FieldWriter();
  for (const { routine, permitted, rule } of routines) {
    const entry = new FieldWriter()
      .text(RoutineAccessTag.Routine, routine)
      .flag(RoutineAccessTag.Permitted, permitted)
      .text(RoutineAccessTag.Rule, rule)
      .finish();
    writer.bytes(AccessReportTag.Routines, entry);
  }
  return writer.finish();
}

/**
 * Decodes what a worker would decide.
 *
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeAccessReport(bytes: Uint8Array): readonly RoutineAccess[] {
  const scanner = scannerOf(bytes);
  const routines: RoutineAccess[] = [];
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === AccessReportTag.Routines) routines.push(readRoutine(scanner));
    else scanner.skipUnknown(tag, REPORT_FIELDS);
  }
  scanner.assertIntact("AccessReport");
  return routines;
}

function readRoutine(scanner: FieldScanner): RoutineAccess {
  const access = { routine: "", permitted: false, rule: "" };
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case RoutineAccessTag.Routine:
        access.routine = scanner.text();
        break;
      case RoutineAccessTag.Permitted:
        access.permitted = scanner.flag();
        break;
      case RoutineAccessTag.Rule:
        access.rule = scanner.text();
        break;
      default:
        scanner.skipUnknown(tag, ROUTINE_FIELDS);
    }
  }
  scanner.leave(outer);
  return access;
}

function scannerOf(bytes: Uint8Array): FieldScanner {
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  return scanner;
}

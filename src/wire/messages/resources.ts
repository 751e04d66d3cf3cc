/** Lists of Resource messages, and the Reserve message, as bytes. */
import { type Amounts, isResourceName, MAX_AMOUNT, MAX_RESOURCES, PARTS } from "../../internal/amounts.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { ReserveTag, ResourceTag } from "../tags.ts";

const RESOURCE_FIELDS = fieldNumbers(ResourceTag);
const RESERVE_FIELDS = fieldNumbers(ReserveTag);

/** A request to have resources kept. */
export interface Reserve {
  readonly resources: Amounts;
  /** In milliseconds. */
  readonly timeMs: number;
}

/** Appends a list of resources. */
export function writeResources(writer: FieldWriter, tag: number, amounts: Amounts | undefined): FieldWriter {
  for (const [name, amount] of amounts ?? []) {
    writer.bytes(
      tag,
      new FieldWriter().text(ResourceTag.Name, name).uint(ResourceTag.Amount, amount).finish(),
    );
  }
  return writer;
}

/** Reads one resource of a list; what is none, or one too many, is left out. Of one that is named twice the last counts. */
export function readResource(scanner: FieldScanner, amounts: Map<string, number>): void {
  let name = "";
  let amount = 0;
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === ResourceTag.Name) name = scanner.text(128);
    else if (tag === ResourceTag.Amount) amount = scanner.uint53();
    else scanner.skipUnknown(tag, RESOURCE_FIELDS);
  }
  scanner.leave(outer);
  if (!isResourceName(name) || amount === 0 || amount > MAX_AMOUNT * PARTS) return;
  if (amounts.size < MAX_RESOURCES || amounts.has(name)) amounts.set(name, amount);
}

/** Encodes the message. */
export function encodeReserve({ resources, timeMs }: Reserve): Uint8Array {
  return writeResources(new FieldWriter(), ReserveTag.Resources, resources)
    .uint(ReserveTag.TimeMs, timeMs)
    .finish();
}

/** Reads the message at the scanner's position. */
export function scanReserve(scanner: FieldScanner): Reserve {
  const resources = new Map<string, number>();
  let timeMs = 0;
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === ReserveTag.Resources) readResource(scanner, resources);
    else if (tag === ReserveTag.TimeMs) timeMs = scanner.uint53();
    else scanner.skipUnknown(tag, RESERVE_FIELDS);
  }
  return { resources, timeMs };
}

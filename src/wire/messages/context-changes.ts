/** Encodes and decodes the ContextChanges message: what one side has changed of the variables of a call. */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { FieldScanner, fieldNumbers, TWICE } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { ContextChangesTag, ContextChangeTag } from "../tags.ts";

/** Variables and stores of one message. */
export const MAX_CONTEXT_CHANGES = 64;

/** Bytes of one message. It is no part of any window. */
export const MAX_CONTEXT_BYTES: number = 32 * 1024;

/**
 * Ids of a branch that one message names; further ones are left out.
 *
 * @internal for tests as well
 */
export const MAX_BRANCH_IDS = 16;

/**
 * Used tokens that one message names; of more, those used last.
 *
 * @internal for tests as well
 */
export const MAX_SPENT_TOKENS = 64;

/** Bytes read of the name of a variable, the id of a branch or of a token. */
const MAX_NAME_BYTES = 2_048;

/** One variable, or one store. */
export interface ContextChange {
  readonly name: string;
  /** In the payload codec; absent: it has no value any more. */
  readonly value: Uint8Array | undefined;
  /** Whether the value holds what has come over a network. */
  readonly tainted: boolean;
}

/** What has changed. */
export interface ContextChanges {
  readonly changes: readonly ContextChange[];
  readonly stores: readonly ContextChange[];
  readonly branch: readonly string[];
  readonly spentTokens: readonly string[];
}

const FIELDS = fieldNumbers(ContextChangesTag);
const CHANGE_FIELDS = fieldNumbers(ContextChangeTag);

/** Encodes one variable or store, without a field around it. */
export function encodeContextChange({ name, value, tainted }: ContextChange): Uint8Array {
  const writer = new FieldWriter().text(ContextChangeTag.Name, name);
  // An empty value is one: the field is there.
  if (value !== undefined) writer.presentBytes(ContextChangeTag.Value, value);
  return writer.flag(ContextChangeTag.Tainted, tainted).finish();
}

/**
 * Encodes the message, without a field around it.
 *
 * @param encoded The variables and stores, each as {@link encodeContextChange} gives it.
 */
export function encodeContextChanges(encoded: {
  readonly changes: readonly Uint8Array[];
  readonly stores: readonly Uint8Array[];
  readonly branch: readonly string[];
  readonly spentTokens: readonly string[];
}): Uint8Array {
  const writer = new FieldWriter();
  for (const change of encoded.changes) writer.bytes(ContextChangesTag.Changes, change);
  for (const store of encoded.stores) writer.bytes(ContextChangesTag.Stores, store);
  for (const id of encoded.branch.slice(0, MAX_BRANCH_IDS)) writer.text(ContextChangesTag.Branch, id);
  for (const id of encoded.spentTokens.slice(-MAX_SPENT_TOKENS))
    writer.text(ContextChangesTag.SpentTokens, id);
  return writer.finish();
}

/**
 * Decodes the message.
 *
 * @param bytes Its bytes, which the values stay views of.
 * @throws ProtocolError if it is malformed, or exceeds a limit.
 */
export function decodeContextChanges(bytes: Uint8Array): ContextChanges {
  if (bytes.length > MAX_CONTEXT_BYTES)
    throw new ProtocolError(
      `Cannot read ContextChanges: ${bytes.length} bytes, more than ${MAX_CONTEXT_BYTES}`,
    );
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  const changes: ContextChange[] = [];
  const stores: ContextChange[] = [];
  const branch: string[] = [];
  const spentTokens: string[] = [];
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case ContextChangesTag.Changes:
        changes.push(readChange(scanner));
        break;
      case ContextChangesTag.Stores:
        stores.push(readChange(scanner));
        break;
      case ContextChangesTag.Branch:
        branch.push(scanner.text(MAX_NAME_BYTES));
        break;
      case ContextChangesTag.SpentTokens:
        spentTokens.push(scanner.text(MAX_NAME_BYTES));
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
    const fault = excess(changes.length + stores.length, branch, spentTokens);
    if (fault !== "") scanner.fail(fault);
  }
  scanner.assertIntact("ContextChanges");
  return { changes, stores, branch, spentTokens };
}

/** Which limit is exceeded, as a clause; `""`: none. */
function excess(variables: number, branch: readonly string[], spentTokens: readonly string[]): string {
  if (variables > MAX_CONTEXT_CHANGES) return `more than ${MAX_CONTEXT_CHANGES} variables`;
  if (branch.length > MAX_BRANCH_IDS) return `more than ${MAX_BRANCH_IDS} ids of a branch`;
  return spentTokens.length > MAX_SPENT_TOKENS ? `more than ${MAX_SPENT_TOKENS} used tokens` : "";
}

function readChange(scanner: FieldScanner): ContextChange {
  let name = "";
  let value: Uint8Array | undefined;
  let tainted = false;
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case ContextChangeTag.Name:
        name = scanner.text(MAX_NAME_BYTES);
        break;
      case ContextChangeTag.Value: {
        if (value !== undefined) scanner.fail(TWICE);
        const length = scanner.length();
        value = scanner.bytes.subarray(scanner.position, scanner.position + length);
        scanner.position += length;
        break;
      }
      case ContextChangeTag.Tainted:
        tainted = scanner.flag();
        break;
      default:
        scanner.skipUnknown(tag, CHANGE_FIELDS);
    }
  }
  scanner.leave(outer);
  return { name, value, tainted };
}

/**
 * The Nack message, with which a worker refuses a task, as bytes. What it means is its code; an exception is there
 * only where the refusal has an error behind it.
 */

import { MAX_EXPLANATION_BYTES, MAX_NAME_BYTES, type Nack } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { MessageTag, NackTag } from "../tags.ts";
import { readResource, writeResources } from "./resources.ts";

const FIELDS = fieldNumbers(NackTag);
const MESSAGE_FIELDS = fieldNumbers(MessageTag);

/** A control frame is exempt from all windows: an exception that is larger is neither sent nor read. */
export const MAX_EXCEPTION_BYTES: number = 64 * 1024;

/** Makes a Nack. The worker's version is left to the session that sends it. */
export function createNack(code: number, reason: string, retryAfterMs: number = 0): Nack {
  return { code, reason, retryAfterMs, version: "" };
}

/** Nacks encoded before, by their reasons: a worker that refuses many tasks says the same few things to all of them. */
const recent = new Map<string, { readonly nack: Nack; readonly bytes: Uint8Array }>();

/** Reasons of which some say what a peer has sent: there may be as many as peers like. */
const MAX_RECENT = 16;

/** Encodes the message, without a frame around it. The bytes are not to be changed. */
export function encodeNack(nack: Nack): Uint8Array {
  const known = recent.get(nack.reason);
  if (known !== undefined && isSame(known.nack, nack)) return known.bytes;
  const bytes = encode(nack);
  if (nack.exception === undefined && nack.needs === undefined && nack.attached !== true) {
    const [oldest] = recent.size >= MAX_RECENT ? recent.keys() : [];
    if (oldest !== undefined) recent.delete(oldest);
    recent.set(nack.reason, { nack, bytes });
  }
  return bytes;
}

function isSame(one: Nack, other: Nack): boolean {
  return (
    one.code === other.code &&
    one.reason === other.reason &&
    one.retryAfterMs === other.retryAfterMs &&
    one.version === other.version &&
    one.limit === other.limit &&
    other.attached !== true &&
    other.needs === undefined &&
    other.exception === undefined
  );
}

function encode(nack: Nack): Uint8Array {
  const { exception } = nack;
  const message =
    exception === undefined || exception.length > MAX_EXCEPTION_BYTES
      ? NOTHING
      : new FieldWriter().bytes(MessageTag.Dump, exception).finish();
  const writer = new FieldWriter()
    .bytes(NackTag.Exception, message)
    .text(NackTag.Reason, nack.reason)
    .uint(NackTag.Code, nack.code)
    .uint(NackTag.RetryAfterMs, nack.retryAfterMs)
    .text(NackTag.Version, nack.version)
    .uint(NackTag.Limit, nack.limit ?? 0)
    .uint(NackTag.Attached, nack.attached === true ? 1 : 0);
  writeResources(writer, NackTag.Needs, nack.needs);
  return writeResources(writer, NackTag.Free, nack.free).finish();
}

/**
 * Decodes the message in the given range.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeNack(bytes: Uint8Array, start: number, end: number): Nack {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const nack: { -readonly [Field in keyof Nack]: Nack[Field] } = {
    code: 0,
    reason: "",
    retryAfterMs: 0,
    version: "",
  };
  const needs = new Map<string, number>();
  const free = new Map<string, number>();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case NackTag.Exception:
        readException(scanner, nack);
        break;
      case NackTag.Reason:
        nack.reason = scanner.text(MAX_EXPLANATION_BYTES);
        break;
      case NackTag.Code:
        nack.code = scanner.enumeration();
        break;
      case NackTag.RetryAfterMs:
        nack.retryAfterMs = scanner.uint53();
        break;
      case NackTag.Version:
        nack.version = scanner.text(MAX_NAME_BYTES);
        break;
      case NackTag.Limit: {
        const limit = scanner.uint32();
        if (limit > 0) nack.limit = limit;
        break;
      }
      case NackTag.Attached:
        nack.attached = scanner.flag();
        break;
      case NackTag.Needs:
        readResource(scanner, needs);
        break;
      case NackTag.Free:
        readResource(scanner, free);
        break;
      default:
        scanner.skipUnknown(tag, FIELDS);
    }
  }
  scanner.assertIntact("Nack");
  if (needs.size > 0) {
    nack.needs = needs;
    nack.free = free;
  }
  return nack;
}

const NOTHING = new Uint8Array(0);

/** Copied, since the Nack is kept for longer than its batch. */
function readException(scanner: FieldScanner, nack: { exception?: Uint8Array }): void {
  const outer = scanner.enter();
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag !== MessageTag.Dump) {
      scanner.skipUnknown(tag, MESSAGE_FIELDS);
      continue;
    }
    const length = scanner.length();
    const { bytes, position } = scanner;
    // Not `slice`, which on a Buffer shares its memory.
    if (length > 0 && length <= MAX_EXCEPTION_BYTES)
      nack.exception = new Uint8Array(bytes.subarray(position, position + length));
    scanner.position += length;
  }
  scanner.leave(outer);
}

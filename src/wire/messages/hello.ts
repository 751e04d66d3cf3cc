/** The Hello message, with which each side introduces itself, as bytes. */

import { type Hello, type Limits, MAX_LISTED, MAX_NAME_BYTES } from "../frames.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Encodes the message, without a frame around it. */
export function encodeHello(hello: Hello): Uint8Array {
  const writer = new FieldWriter()
    .uint(1, hello.session)
    .text(2, hello.version)
    .text(3, hello.uid)
    .text(4, hello.runtime);
  for (const codec of hello.codecs) writer.element(5, codec);
  return writer.packed(6, hello.features).bytes(7, encodeLimits(hello.limits)).finish();
}

/**
 * Decodes the message in the given range; of texts and lists that no peer of ours would send, the beginning.
 *
 * @throws ProtocolError if it is malformed.
 */
export function decodeHello(bytes: Uint8Array, start: number, end: number): Hello {
  const scanner = new FieldScanner();
  scanner.reset(bytes, start, end);
  const codecs: string[] = [];
  const features: number[] = [];
  const limits: Mutable<Limits> = {
    maxBatch: 0,
    maxMessage: 0,
    maxStreams: 0,
    streamWindow: 0,
    connectionWindow: 0,
    maxDefines: 0,
    maxOpenMessages: 0,
    maxDepth: 0,
  };
  const hello = { session: 0, version: "", uid: "", runtime: "", codecs, features, limits };
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case 8:
        hello.session = scanner.uint32();
        break;
      case 18:
        hello.version = scanner.text(MAX_NAME_BYTES);
        break;
      case 26:
        hello.uid = scanner.text(MAX_NAME_BYTES);
        break;
      case 34:
        hello.runtime = scanner.text(MAX_NAME_BYTES);
        break;
      case 42:
        if (codecs.length < MAX_LISTED) codecs.push(scanner.text(MAX_NAME_BYTES));
        else scanner.skipText();
        break;
      case 48:
        list(features, scanner.uint32());
        break;
      case 50: {
        const outer = scanner.enter();
        while (scanner.position < scanner.end) list(features, scanner.uint32());
        scanner.leave(outer);
        break;
      }
      case 58: {
        const outer = scanner.enter();
        scanLimits(scanner, limits);
        scanner.leave(outer);
        break;
      }
      default:
        scanner.skipUnknown(tag, 7);
    }
  }
  scanner.assertIntact("Hello");
  return hello;
}

function list(numbers: number[], value: number): void {
  if (numbers.length < MAX_LISTED) numbers.push(value);
}

function encodeLimits(limits: Limits): Uint8Array {
  return new FieldWriter()
    .uint(1, limits.maxBatch)
    .uint(2, limits.maxMessage)
    .uint(3, limits.maxStreams)
    .uint(4, limits.streamWindow)
    .uint(5, limits.connectionWindow)
    .uint(6, limits.maxDefines)
    .uint(7, limits.maxOpenMessages)
    .uint(8, limits.maxDepth)
    .finish();
}

function scanLimits(scanner: FieldScanner, limits: Mutable<Limits>): void {
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case 8:
        limits.maxBatch = scanner.uint32();
        break;
      case 16:
        limits.maxMessage = scanner.uint53();
        break;
      case 24:
        limits.maxStreams = scanner.uint32();
        break;
      case 32:
        limits.streamWindow = scanner.uint53();
        break;
      case 40:
        limits.connectionWindow = scanner.uint53();
        break;
      case 48:
        limits.maxDefines = scanner.uint32();
        break;
      case 56:
        limits.maxOpenMessages = scanner.uint32();
        break;
      case 64:
        limits.maxDepth = scanner.uint32();
        break;
      default:
        scanner.skipUnknown(tag, 8);
    }
  }
}

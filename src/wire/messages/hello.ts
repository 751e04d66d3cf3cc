/** The Hello message, with which each side introduces itself, as bytes. */

import { type Hello, type Limits, MAX_LISTED, MAX_NAME_BYTES } from "../frames.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { HelloTag, LimitsTag } from "../tags.ts";

const FIELDS = fieldNumbers(HelloTag);
const LIMITS_FIELDS = fieldNumbers(LimitsTag);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Encodes the message, without a frame around it. */
export function encodeHello(hello: Hello): Uint8Array {
  const writer = new FieldWriter()
    .uint(HelloTag.Session, hello.session)
    .text(HelloTag.Version, hello.version)
    .text(HelloTag.Uid, hello.uid)
    .text(HelloTag.Runtime, hello.runtime);
  for (const codec of hello.codecs) writer.element(HelloTag.Codecs, codec);
  return writer
    .packed(HelloTag.Features, hello.features)
    .bytes(HelloTag.Limits, encodeLimits(hello.limits))
    .finish();
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
      case HelloTag.Session:
        hello.session = scanner.uint32();
        break;
      case HelloTag.Version:
        hello.version = scanner.text(MAX_NAME_BYTES);
        break;
      case HelloTag.Uid:
        hello.uid = scanner.text(MAX_NAME_BYTES);
        break;
      case HelloTag.Runtime:
        hello.runtime = scanner.text(MAX_NAME_BYTES);
        break;
      case HelloTag.Codecs:
        if (codecs.length < MAX_LISTED) codecs.push(scanner.text(MAX_NAME_BYTES));
        else scanner.skipText();
        break;
      case HelloTag.FeaturesUnpacked:
        list(features, scanner.uint32());
        break;
      case HelloTag.Features: {
        const outer = scanner.enter();
        while (scanner.position < scanner.end) list(features, scanner.uint32());
        scanner.leave(outer);
        break;
      }
      case HelloTag.Limits: {
        const outer = scanner.enter();
        scanLimits(scanner, limits);
        scanner.leave(outer);
        break;
      }
      default:
        scanner.skipUnknown(tag, FIELDS);
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
    .uint(LimitsTag.MaxBatch, limits.maxBatch)
    .uint(LimitsTag.MaxMessage, limits.maxMessage)
    .uint(LimitsTag.MaxStreams, limits.maxStreams)
    .uint(LimitsTag.StreamWindow, limits.streamWindow)
    .uint(LimitsTag.ConnectionWindow, limits.connectionWindow)
    .uint(LimitsTag.MaxDefines, limits.maxDefines)
    .uint(LimitsTag.MaxOpenMessages, limits.maxOpenMessages)
    .uint(LimitsTag.MaxDepth, limits.maxDepth)
    .finish();
}

function scanLimits(scanner: FieldScanner, limits: Mutable<Limits>): void {
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case LimitsTag.MaxBatch:
        limits.maxBatch = scanner.uint32();
        break;
      case LimitsTag.MaxMessage:
        limits.maxMessage = scanner.uint53();
        break;
      case LimitsTag.MaxStreams:
        limits.maxStreams = scanner.uint32();
        break;
      case LimitsTag.StreamWindow:
        limits.streamWindow = scanner.uint53();
        break;
      case LimitsTag.ConnectionWindow:
        limits.connectionWindow = scanner.uint53();
        break;
      case LimitsTag.MaxDefines:
        limits.maxDefines = scanner.uint32();
        break;
      case LimitsTag.MaxOpenMessages:
        limits.maxOpenMessages = scanner.uint32();
        break;
      case LimitsTag.MaxDepth:
        limits.maxDepth = scanner.uint32();
        break;
      default:
        scanner.skipUnknown(tag, LIMITS_FIELDS);
    }
  }
}

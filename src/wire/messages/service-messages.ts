/**
 * The messages of the unary calls of the `Worker` service as bytes: a worker's record, the request to stop, the
 * time a worker has been idle. It checks that bytes are the message; `parseWorkerMetadata` decides whether a
 * record from outside may be believed.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { amountsOf, resourcesOf } from "../../internal/amounts.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "../channel-options.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { FieldWriter } from "../protobuf/field-writer.ts";
import { ChannelOptionsTag, IdleTimeTag, StopRequestTag, WorkerMetadataTag } from "../tags.ts";
import { WIRE_CODEC } from "../version.ts";
import type { WorkerMetadata } from "../worker-metadata.ts";
import { readResource, writeResources } from "./resources.ts";

const MAX_INT32 = 0x7fffffff;

const METADATA_FIELDS = fieldNumbers(WorkerMetadataTag);
// Written for clients of other libraries, and not read.
const { KeepalivePermitWithoutCalls: _, ...readOptions } = ChannelOptionsTag;
const CHANNEL_FIELDS = fieldNumbers(readOptions);

type Mutable<T> = { -readonly [K in keyof T]?: T[K] };

/**
 * Encodes a worker's record.
 *
 * Channel options that the record leaves out are written with their defaults, since peers may take a 0 for
 * a limit; a record without codecs is one of ours and is written with our codec.
 */
export function encodeWorkerMetadata(worker: WorkerMetadata): Uint8Array {
  const writer = new FieldWriter()
    .text(WorkerMetadataTag.Uid, worker.uid)
    .text(WorkerMetadataTag.Address, worker.address)
    .uint(WorkerMetadataTag.Pid, clampToInt32(worker.pid))
    .text(WorkerMetadataTag.Version, worker.version);
  for (const tag of worker.tags) writer.element(WorkerMetadataTag.Tags, tag);
  writer
    .entries(WorkerMetadataTag.Extra, worker.extra)
    .flag(WorkerMetadataTag.Secure, worker.secure)
    .bytes(WorkerMetadataTag.Connection, encodeChannelOptions(worker.options))
    .text(WorkerMetadataTag.Identity, worker.identity ?? "")
    .text(WorkerMetadataTag.Runtime, worker.runtime ?? "");
  for (const codec of worker.codecs ?? [WIRE_CODEC]) writer.element(WorkerMetadataTag.Codecs, codec);
  writer
    .text(WorkerMetadataTag.Socket, worker.socket ?? "")
    .text(WorkerMetadataTag.HostId, worker.hostId ?? "")
    .text(WorkerMetadataTag.Build, worker.build ?? "");
  return writeResources(writer, WorkerMetadataTag.Resources, amountsOf(worker.resources)).finish();
}

/**
 * Decodes a worker's record into plain data of the same shape, to be checked with `parseWorkerMetadata`.
 *
 * A record without codecs comes out with an empty list of them: only records given by code are taken to
 * speak ours.
 *
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeWorkerMetadata(bytes: Uint8Array): unknown {
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  const tags: string[] = [];
  const codecs: string[] = [];
  const extra = new Map<string, string>();
  const options: Mutable<ChannelOptions> = {};
  const record = { uid: "", address: "", pid: 0, version: "", secure: false };
  const resources = new Map<string, number>();
  const optional: Mutable<Pick<WorkerMetadata, "identity" | "runtime" | "socket" | "hostId" | "build">> = {};
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case WorkerMetadataTag.Uid:
        record.uid = scanner.text();
        break;
      case WorkerMetadataTag.Address:
        record.address = scanner.text();
        break;
      case WorkerMetadataTag.Pid:
        record.pid = scanner.int32();
        break;
      case WorkerMetadataTag.Version:
        record.version = scanner.text();
        break;
      case WorkerMetadataTag.Tags:
        tags.push(scanner.text());
        break;
      case WorkerMetadataTag.Extra:
        extra.set(...scanner.entry());
        break;
      case WorkerMetadataTag.Secure:
        record.secure = scanner.flag();
        break;
      case WorkerMetadataTag.Connection: {
        const outer = scanner.enter();
        scanChannelOptions(scanner, options);
        scanner.leave(outer);
        break;
      }
      case WorkerMetadataTag.Identity:
        optional.identity = scanner.text();
        break;
      case WorkerMetadataTag.Runtime:
        optional.runtime = scanner.text();
        break;
      case WorkerMetadataTag.Codecs:
        codecs.push(scanner.text());
        break;
      case WorkerMetadataTag.Socket:
        optional.socket = scanner.text();
        break;
      case WorkerMetadataTag.HostId:
        optional.hostId = scanner.text();
        break;
      case WorkerMetadataTag.Build:
        optional.build = scanner.text();
        break;
      case WorkerMetadataTag.Resources:
        readResource(scanner, resources);
        break;
      default:
        scanner.skipUnknown(tag, METADATA_FIELDS);
    }
  }
  scanner.assertIntact("WorkerMetadata");
  return {
    ...record,
    tags,
    // Defines own properties, also one called `__proto__`; assignment would not.
    extra: Object.fromEntries(extra),
    options,
    codecs,
    ...(resources.size > 0 && { resources: resourcesOf(resources) }),
    ...Object.fromEntries(Object.entries(optional).filter(([, text]) => text !== "")),
  };
}

/** Encodes a request to stop: seconds granted to calls in flight, 0 for none, a negative number for no limit. */
export function encodeStopRequest(seconds: number): Uint8Array {
  return new FieldWriter().float(StopRequestTag.Timeout, seconds).finish();
}

/**
 * Decodes a request to stop.
 *
 * @returns Seconds granted to calls in flight, in single precision: 0 for none, a negative number or
 *   `Infinity` for no limit. Never NaN.
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeStopRequest(bytes: Uint8Array): number {
  const seconds = scanNumber(bytes, StopRequestTag.Timeout, "StopRequest", (scanner) => scanner.float());
  if (Number.isNaN(seconds))
    throw new ProtocolError("Cannot read a StopRequest: its timeout is not a number");
  return seconds;
}

/** Encodes for how many seconds a worker has had nothing to do. */
export function encodeIdleTime(seconds: number): Uint8Array {
  return new FieldWriter().double(IdleTimeTag.Seconds, seconds).finish();
}

/**
 * Decodes for how long a worker has had nothing to do.
 *
 * @returns Seconds: finite, 0 or more.
 * @throws {@link ProtocolError} if the bytes are not the message.
 */
export function decodeIdleTime(bytes: Uint8Array): number {
  const seconds = scanNumber(bytes, IdleTimeTag.Seconds, "IdleTime", (scanner) => scanner.double());
  if (!(seconds >= 0 && seconds < Number.POSITIVE_INFINITY)) {
    throw new ProtocolError("Cannot read an IdleTime: its seconds are not a duration");
  }
  return seconds;
}

function encodeChannelOptions(stated: ChannelOptions): Uint8Array {
  const options = { ...DEFAULT_CHANNEL_OPTIONS, ...stated };
  return new FieldWriter()
    .uint(ChannelOptionsTag.MaxReceiveMessageLength, clampToInt32(options.maxMessageSize))
    .uint(ChannelOptionsTag.MaxSendMessageLength, clampToInt32(options.maxMessageSize))
    .uint(ChannelOptionsTag.KeepaliveTimeMs, clampToInt32(options.keepaliveTime))
    .uint(ChannelOptionsTag.KeepaliveTimeoutMs, clampToInt32(options.keepaliveTimeout))
    .flag(ChannelOptionsTag.KeepalivePermitWithoutCalls, true)
    .uint(ChannelOptionsTag.MaxConcurrentStreams, clampToInt32(options.maxConcurrentCalls))
    .finish();
}

/** Reads the options that are stated; 0, and the negative numbers that gRPC has for "unlimited", state nothing. */
function scanChannelOptions(scanner: FieldScanner, options: Mutable<ChannelOptions>): void {
  let maxReceived = 0;
  let maxSent = 0;
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    switch (tag) {
      case ChannelOptionsTag.MaxReceiveMessageLength:
        maxReceived = scanner.int32();
        break;
      case ChannelOptionsTag.MaxSendMessageLength:
        maxSent = scanner.int32();
        break;
      case ChannelOptionsTag.KeepaliveTimeMs:
        state(options, "keepaliveTime", scanner.int32());
        break;
      case ChannelOptionsTag.KeepaliveTimeoutMs:
        state(options, "keepaliveTimeout", scanner.int32());
        break;
      case ChannelOptionsTag.MaxConcurrentStreams:
        state(options, "maxConcurrentCalls", scanner.int32());
        break;
      default:
        scanner.skipUnknown(tag, CHANNEL_FIELDS);
    }
  }
  // One limit holds for both directions here: the lower one that the peer states.
  const limits = [maxReceived, maxSent].filter((limit) => limit > 0);
  if (limits.length > 0) options.maxMessageSize = Math.min(...limits);
}

function state(options: Mutable<ChannelOptions>, name: keyof ChannelOptions, value: number): void {
  if (value > 0) options[name] = value;
  else delete options[name];
}

/** Reads the one field, a number, of a message. */
function scanNumber(
  bytes: Uint8Array,
  numberTag: number,
  message: string,
  read: (scanner: FieldScanner) => number,
): number {
  const scanner = new FieldScanner();
  scanner.reset(bytes, 0, bytes.length);
  const known = fieldNumbers({ numberTag });
  let value = 0;
  for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
    if (tag === numberTag) value = read(scanner);
    else scanner.skipUnknown(tag, known);
  }
  scanner.assertIntact(message);
  return value;
}

/** The schema has no room for more, and nothing that is this large comes near its limit. */
function clampToInt32(value: number): number {
  return Math.min(value, MAX_INT32);
}

/** Writes gRPC messages to a stream of HTTP/2: a flag byte, a length of four bytes, big-endian, and the message. */
import type { Http2Stream } from "node:http2";
import { GRPC_PREFIX_BYTES } from "./message-reader.ts";

/** Up to here one copy is cheaper than writing two pieces. */
const COPIED_BYTES = 4_096;

/**
 * Writes one message made of the pieces in their order. They must not change until they have left.
 *
 * @param written Called when they have left, or never will; not always, when the stream is closed.
 * @returns False when the stream is full: its `drain` says when there is room again.
 */
export function writeGrpcMessage(
  stream: Http2Stream,
  first: Uint8Array,
  second?: Uint8Array,
  written?: () => void,
): boolean {
  const length = first.length + (second?.length ?? 0);
  if (length <= COPIED_BYTES) {
    const message = Buffer.allocUnsafe(GRPC_PREFIX_BYTES + length);
    writePrefix(message, length);
    message.set(first, GRPC_PREFIX_BYTES);
    if (second !== undefined) message.set(second, GRPC_PREFIX_BYTES + first.length);
    return stream.write(message, written);
  }
  const prefix = Buffer.allocUnsafe(GRPC_PREFIX_BYTES);
  writePrefix(prefix, length);
  stream.cork();
  stream.write(prefix);
  if (second !== undefined) stream.write(first);
  const more = stream.write(second ?? first, written);
  stream.uncork();
  return more;
}

function writePrefix(bytes: Buffer, length: number): void {
  bytes[0] = 0; // not compressed
  bytes.writeUInt32BE(length, 1);
}

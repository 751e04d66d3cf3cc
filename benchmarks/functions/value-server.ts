/**
 * Sends every message back once it is whole, which is what a function would need it to be: a length in four bytes, then
 * so many bytes, read straight to where they stay. Also has the caller's half of that.
 */
import { createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

const HEAD_BYTES = 4;
const READ_BYTES = 64 * 1024;

interface MessageReader {
  /** Where a socket is to read to, if it can be told. */
  readonly buffer: () => Buffer;
  readonly callback: (bytes: number, buffer: Uint8Array) => boolean;
  /** Takes bytes that were read somewhere else. */
  readonly read: (bytes: Buffer) => void;
}

/**
 * The messages that arrive on a socket.
 *
 * @param take Called with each.
 */
export function messageReader(take: (message: Buffer) => void): MessageReader {
  const shared = Buffer.allocUnsafeSlow(READ_BYTES);
  const head = Buffer.alloc(HEAD_BYTES);
  let headBytes = 0;
  let message: Buffer | undefined;
  let filled = 0;
  const advance = (bytes: number): void => {
    filled += bytes;
    if (message === undefined || filled < message.length) return;
    const whole = message;
    message = undefined;
    take(whole);
  };
  const read = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      if (message === undefined) {
        while (headBytes < HEAD_BYTES && at < bytes.length) head[headBytes++] = bytes.readUInt8(at++);
        if (headBytes < HEAD_BYTES) return;
        headBytes = 0;
        message = Buffer.allocUnsafeSlow(head.readUInt32LE(0));
        filled = 0;
        continue;
      }
      const count = Math.min(bytes.length - at, message.length - filled);
      message.set(bytes.subarray(at, at + count), filled);
      at += count;
      advance(count);
    }
  };
  return {
    buffer: () => (message === undefined ? shared : message.subarray(filled)),
    callback: (bytes, buffer) => {
      if (buffer === shared) read(shared.subarray(0, bytes));
      else advance(bytes);
      return true;
    },
    read,
  };
}

/** Sends a message without copying it. */
export function sendMessage(socket: Socket, bytes: Uint8Array): void {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(bytes.length);
  socket.cork();
  socket.write(head);
  socket.write(bytes);
  socket.uncork();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer((socket) => {
    const reader = messageReader((bytes) => sendMessage(socket, bytes));
    socket.on("error", () => {}); // A client that has gone is not of interest.
    socket.on("data", reader.read);
  });
  server.listen(process.argv[2], () => process.send?.("ready"));
  process.once("disconnect", () => process.exit());
}

/** Frames of HTTP/2 written by hand, in any order and with whatever in them. */

/** What a connection of HTTP/2 begins with. */
export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

/** One frame; its flags, stream and content may be anything. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  content: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, content]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
}

/** A field as HPACK has it without a table and without Huffman's code. */
export function field(name: string, value: string): Buffer {
  const part = (text: string): Buffer => {
    const bytes = Buffer.from(text, "latin1");
    // Lengths of 127 and more take further bytes, of seven bits each.
    const rest: number[] = [];
    if (bytes.length >= 127) {
      let left = bytes.length - 127;
      for (; left >= 128; left >>= 7) rest.push((left & 0x7f) | 0x80);
      rest.push(left);
    }
    return Buffer.concat([Buffer.from([Math.min(bytes.length, 127), ...rest]), bytes]);
  };
  return Buffer.concat([Buffer.from([0]), part(name), part(value)]);
}

/** The beginning of a call of gRPC: its headers, and one message of it. */
export function callFrames(stream: number, path: string, content: Uint8Array = Buffer.alloc(1)): Buffer {
  const headers = {
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "worker",
    "content-type": "application/grpc",
    te: "trailers",
  };
  const fields = Object.entries(headers).map(([name, value]) => field(name, value));
  const message = Buffer.concat([Buffer.alloc(1), uint32(content.length), content]);
  return Buffer.concat([
    frame(FrameType.HEADERS, END_HEADERS, stream, Buffer.concat(fields)),
    frame(FrameType.DATA, 0, stream, message),
  ]);
}

/** GOAWAY, without a word. */
export function goAway(code: number, lastStream = 0): Buffer {
  return frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastStream), uint32(code)]));
}

/**
 * What a peer may send that makes Node end its side of the connection while it reads, by what it is. More can follow in
 * the same packet.
 */
export const ENDINGS: Readonly<Record<string, Buffer>> = {
  "an acknowledgement of a PING that was never sent": frame(FrameType.PING, ACK, 0, Buffer.alloc(8)),
  "a thousand of them": Buffer.concat(
    Array.from({ length: 1_000 }, () => frame(FrameType.PING, ACK, 0, Buffer.alloc(8))),
  ),
  "a GOAWAY with an error": goAway(2),
  "a GOAWAY in good order": goAway(0),
  "one GOAWAY after the other": Buffer.concat([goAway(0), goAway(2)]),
};

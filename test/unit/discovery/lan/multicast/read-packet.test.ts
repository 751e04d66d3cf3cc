/** What is read of packets of multicast DNS, and what hostile ones cost. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { readLanPacket } from "../../../../../src/discovery/lan/multicast/read-packet.ts";

const fromHere = createRequire(import.meta.url);
/** The part of `dns-packet` that `multicast-dns` writes packets with. */
const { encode } = createRequire(fromHere.resolve("multicast-dns"))("dns-packet") as {
  encode(packet: unknown): Buffer;
};

const HEADER_BYTES = 12;
const NULL = 10;
const PTR = 12;

/** A packet of a response with so many answers, by hand. */
function responseOf(answers: number, ...parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x8400, 2);
  header.writeUInt16BE(answers, 6);
  return Buffer.concat([header, ...parts]);
}

function labels(...texts: readonly string[]): Buffer {
  const parts = texts.map((text) => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]));
  return Buffer.concat([...parts, Buffer.of(0)]);
}

function pointerTo(place: number): Buffer {
  return Buffer.of(0xc0 | (place >> 8), place & 0xff);
}

/** A record with a name and a content, both as they are encoded. */
function record(name: Buffer, type: number, content: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(content.length, 8);
  return Buffer.concat([name, fixed, content]);
}

/** The packet, and how many bytes of it are looked at one by one. */
function counted(bytes: Buffer): {
  readonly packet: ReturnType<typeof readLanPacket>;
  readonly looks: number;
} {
  let looks = 0;
  const own = Object.assign(bytes, {
    readUInt8(at: number) {
      looks += 1;
      return Buffer.prototype.readUInt8.call(bytes, at);
    },
  });
  return { packet: readLanPacket(own), looks };
}

test("readLanPacket reads the records of announcements as they were written, and skips others", () => {
  const name = "a._wool-750fab._tcp.local";
  const records = [
    { type: "PTR", name: "_wool-750fab._tcp.local", ttl: 60, data: name },
    { type: "SRV", name, ttl: 4_294_967_295, data: { port: 50_051, target: "a.local" } },
    { type: "TXT", name, ttl: 0, data: [Buffer.from("pid=1"), Buffer.from("x".repeat(255))] },
    { type: "A", name: "a.local", ttl: 60, data: "10.0.0.1" },
    { type: "AAAA", name: "a.local", ttl: 60, data: "fe80::1" },
  ];
  const others = [{ type: "CNAME", name: "c.local", ttl: 60, data: "d.local" }];
  const questions = [
    { name, type: "ANY" },
    { name: "c.local", type: "MX" },
  ];

  const read = readLanPacket(
    encode({ type: "response", id: 7, questions, answers: [...others, ...records], additionals: records }),
  );

  assert.deepEqual(read, {
    type: "response",
    id: 7,
    questions: [{ name, type: "ANY" }],
    answers: records,
    additionals: records,
  });
});

test("readLanPacket follows names that end in others, and refuses those that lead nowhere", () => {
  const host = record(labels("host", "local"), 1, Buffer.of(10, 0, 0, 1));
  const short = record(
    Buffer.concat([Buffer.of(1, 0x61), pointerTo(HEADER_BYTES)]),
    PTR,
    pointerTo(HEADER_BYTES + 5),
  );

  assert.deepEqual(readLanPacket(responseOf(2, host, short))?.answers, [
    { type: "A", name: "host.local", ttl: 60, data: "10.0.0.1" },
    { type: "PTR", name: "a.host.local", ttl: 60, data: "local" },
  ]);
  const nowhere = {
    "to itself": pointerTo(HEADER_BYTES),
    "to what follows": pointerTo(HEADER_BYTES + 30),
    "into the header": pointerTo(4),
    "round and round": Buffer.concat([Buffer.of(1, 0x61), pointerTo(HEADER_BYTES)]),
  };
  for (const [what, name] of Object.entries(nowhere)) {
    assert.equal(readLanPacket(responseOf(1, record(name, 1, Buffer.alloc(40)))), undefined, what);
  }
});

test("readLanPacket refuses what is cut off, too long, or too long a name, and takes any bytes in a label", () => {
  const whole = encode({
    type: "response",
    answers: [{ type: "TXT", name: "a.local", ttl: 60, data: ["b=c"] }],
  });
  for (let length = 0; length < whole.length; length++) {
    assert.equal(readLanPacket(whole.subarray(0, length)), undefined, `the first ${length} bytes`);
  }
  const long = labels(...Array.from({ length: 5 }, () => "x".repeat(63)));
  assert.equal(readLanPacket(responseOf(1, record(long, PTR, labels("a")))), undefined);
  const endless = record(labels("a"), 16, Buffer.alloc(9_000));
  assert.equal(readLanPacket(responseOf(1, endless)), undefined);
  const beyond = record(labels("a"), PTR, Buffer.of(3, 0x61));
  assert.equal(readLanPacket(responseOf(1, beyond, Buffer.alloc(20))), undefined);

  const odd = "\u001b[31m\u0000\u202e.\r\n";
  assert.deepEqual(readLanPacket(responseOf(1, record(labels(odd), PTR, labels("a"))))?.answers, [
    { type: "PTR", name: odd, ttl: 60, data: "a" },
  ]);
});

test("readLanPacket reads each label once, however many names lead to it", () => {
  const long = labels(...Array.from({ length: 120 }, () => "a"));
  const many = Array.from({ length: 500 }, () => record(pointerTo(HEADER_BYTES), 1, Buffer.alloc(4)));
  // Names that are nothing but a way to the one before, thousands of steps long in the end.
  const chain = Buffer.concat(
    Array.from({ length: 2_000 }, (_, step) =>
      pointerTo(step === 0 ? HEADER_BYTES : HEADER_BYTES + 20 + 2 * step),
    ),
  );
  const host = record(labels("b"), NULL, Buffer.concat([Buffer.alloc(9), chain]));
  const last = pointerTo(HEADER_BYTES + 22 + 2 * 1_999);
  const walkers = Array.from({ length: 300 }, () => record(last, 1, Buffer.alloc(4)));

  const wide = counted(responseOf(501, record(long, 1, Buffer.alloc(4)), ...many));
  const deep = counted(responseOf(301, host, ...walkers));

  assert.equal(wide.packet?.answers.length, 501);
  assert.ok(wide.looks < 1_000, `it looks at ${wide.looks} bytes`);
  assert.equal(deep.packet?.answers.length, 300);
  assert.ok(deep.looks < 3_000, `it looks at ${deep.looks} bytes`);
});

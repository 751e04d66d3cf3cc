/**
 * A worker's gRPC server below its messages: connections of HTTP/2 whose callers send any frame in any order, over a
 * stream in memory. Whatever comes, the connection ends when it is cut, each call that was begun ends once, no message is
 * longer than it may be, and nothing is left.
 */

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { UNKNOWN_PEER } from "../../../src/credentials/peers/peer.ts";
import { MemoryBudget } from "../../../src/session/memory/memory-budget.ts";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";
import { ConnectionGuard } from "../../../src/transport/listener/connection-guard.ts";
import { Health } from "../../../src/transport/listener/health.ts";
import type { ServerCall, ServerMethod } from "../../../src/transport/listener/server-call.ts";
import { ServerConnection } from "../../../src/transport/listener/server-connection.ts";
import { StreamGuard } from "../../../src/transport/listener/stream-guard.ts";
import {
  callFrames,
  END_HEADERS,
  END_STREAM,
  FrameType,
  field,
  frame,
  goAway,
  PREFACE,
  uint32,
} from "../../support/hostile/http2-frames.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";

const MAX_MESSAGE_BYTES = 4096;

function anyHeaders(random: Random): Buffer {
  const path = random.pick([
    GRPC_METHODS.session.path,
    GRPC_METHODS.session.path,
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/",
    "x".repeat(random.small(9_000)),
  ]);
  const fields = [
    field(":method", random.oneIn(10) ? "GET" : "POST"),
    field(":scheme", "http"),
    field(":path", path),
    field(":authority", "worker"),
    field("content-type", random.oneIn(10) ? "text/html" : "application/grpc"),
    field("te", "trailers"),
  ];
  if (random.oneIn(8)) fields.push(field("grpc-encoding", random.pick(["gzip", "identity", ""])));
  if (random.oneIn(8)) fields.push(field("grpc-timeout", random.pick(["1n", "99999999H", "-1S", "1"])));
  if (random.oneIn(8))
    for (let n = random.small(90); n > 0; n--) fields.push(field(`x-${n}`, "y".repeat(random.small(300))));
  if (random.oneIn(12)) fields.splice(random.below(fields.length), 1);
  return Buffer.concat(fields);
}

/** A message behind its length, which may be wrong. */
function anyMessage(random: Random): Buffer {
  const content = random.bytes(random.small(200));
  const said = random.oneIn(6)
    ? random.pick([0xffff_ffff, 0x7fff_ffff, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1, content.length + 1, 0])
    : content.length;
  const message = Buffer.concat([
    Buffer.from([random.oneIn(12) ? random.below(256) : 0]),
    uint32(said),
    content,
  ]);
  return random.oneIn(10) ? message.subarray(0, random.below(message.length)) : message;
}

/** A call with a message, as callers make them. */
function goodCall(random: Random, stream: number): Buffer {
  return callFrames(stream, GRPC_METHODS.session.path, random.bytes(random.small(60)));
}

/** Frames of one kind, as a flood of them begins. */
function anyFrames(random: Random, stream: number): Buffer {
  const times = random.oneIn(12) ? 1 + random.below(1_500) : 1;
  const repeat = (make: (n: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: times }, (_, n) => make(n)));
  switch (random.below(11)) {
    case 0:
    case 1:
      return frame(
        FrameType.HEADERS,
        END_HEADERS | (random.oneIn(5) ? END_STREAM : 0),
        stream,
        anyHeaders(random),
      );
    case 2:
    case 3:
      return frame(FrameType.DATA, random.oneIn(4) ? END_STREAM : 0, stream, anyMessage(random));
    case 4:
      return repeat(() => frame(FrameType.SETTINGS, random.oneIn(4) ? 1 : 0, 0, anySettings(random)));
    case 5:
      return repeat((n) => frame(FrameType.PING, random.below(2), 0, Buffer.concat([uint32(n), uint32(0)])));
    case 6:
      return repeat(() =>
        frame(
          FrameType.WINDOW_UPDATE,
          0,
          random.pick([0, stream]),
          uint32(random.pick([0, 1, 65_535, 0x7fff_ffff])),
        ),
      );
    case 7:
      return repeat(() =>
        frame(FrameType.PRIORITY, 0, stream, Buffer.concat([uint32(random.below(9)), random.bytes(1)])),
      );
    case 8: // a call that is taken back at once, again and again
      return repeat((n) =>
        Buffer.concat([
          frame(FrameType.HEADERS, END_HEADERS, stream + 2 * n, anyHeaders(random)),
          frame(FrameType.RST_STREAM, 0, stream + 2 * n, uint32(8)),
        ]),
      );
    case 9: {
      const headers = anyHeaders(random);
      const cut = random.below(headers.length + 1);
      return Buffer.concat([
        frame(FrameType.HEADERS, 0, stream, headers.subarray(0, cut)),
        repeat(() =>
          frame(FrameType.CONTINUATION, 0, stream, random.oneIn(2) ? Buffer.alloc(0) : field("a", "b")),
        ),
        frame(FrameType.CONTINUATION, random.oneIn(3) ? 0 : END_HEADERS, stream, headers.subarray(cut)),
      ]);
    }
    default: // trailers of a caller, what only servers send, and what nobody knows
      return random.pick([
        frame(FrameType.HEADERS, END_HEADERS | END_STREAM, stream, field("x-trailer", "z")),
        frame(FrameType.PUSH_PROMISE, END_HEADERS, stream, Buffer.concat([uint32(2), anyHeaders(random)])),
        goAway(random.below(14), stream),
        frame(FrameType.RST_STREAM, 0, stream, uint32(random.below(14))),
        frame(random.below(256), random.below(256), stream, random.bytes(random.small(40))),
      ]);
  }
}

function anySettings(random: Random): Buffer {
  return Buffer.concat(
    Array.from({ length: random.small(6) }, () => {
      const id = Buffer.from([0, 1 + random.below(8)]);
      return Buffer.concat([id, uint32(random.pick([0, 1, 100, 65_535, 0x7fff_ffff, 0xffff_ffff]))]);
    }),
  );
}

/** The caller's end of a connection, which takes all that it is sent. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
  setNoDelay(): this {
    return this;
  }
}

/** Calls as a worker serves them, each of which answers every message with its like. */
class Calls {
  open = 0;
  readonly faults: string[] = [];

  readonly method: ServerMethod = {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    open: (call) => this.#serve(call),
  };

  #serve(call: ServerCall): ReturnType<ServerMethod["open"]> {
    this.open += 1;
    let over = false;
    const assertOpen = (what: string): void => {
      if (over) this.faults.push(`${what} after the end of a call`);
    };
    return {
      message: (bytes, start, end) => {
        assertOpen("a message");
        if (end - start > MAX_MESSAGE_BYTES) this.faults.push(`a message of ${end - start} bytes`);
        call.send(Buffer.from(bytes.subarray(start, end)));
      },
      drain: () => assertOpen("room"),
      halfClosed: () => {
        assertOpen("the end of the caller's side");
        call.end({ code: 0, details: "" });
      },
      closed: () => {
        assertOpen("another end");
        over = true;
        this.open -= 1;
      },
    };
  }
}

/** Turns of the loop after which nothing of a connection that was cut is under way. */
const MOST_TURNS = 200;

export const http2Connections: FuzzTarget = {
  name: "connections of HTTP/2",
  share: 0.5,
  make(random) {
    const frames = [
      frame(FrameType.SETTINGS, 0, 0, random.oneIn(12) ? anySettings(random) : Buffer.alloc(0)),
    ];
    let stream = 1;
    for (let count = 1 + random.small(12); count > 0; count--) {
      // Most calls begin as they should, so that what follows meets something.
      if (!random.oneIn(4)) frames.push(goodCall(random, stream));
      for (let more = random.small(3); more > 0; more--) {
        frames.push(anyFrames(random, random.oneIn(12) ? random.below(40) : stream));
      }
      stream += 2;
    }
    const bytes = Buffer.concat([PREFACE, ...frames]);
    return random.oneIn(6) ? mutate(bytes, random) : bytes;
  },
  async run(bytes) {
    const memory = new MemoryBudget({ limitBytes: 1024 * 1024, objectWeight: 1 });
    const streams = new StreamGuard({ maxStreams: 50, greetingMs: 10_000 });
    const guard = new ConnectionGuard({
      maxConnections: 1,
      maxPerAddress: 1,
      wastedBurst: 100,
      wastedPerSecond: 1,
    });
    const permit = guard.admit("fuzz");
    if (typeof permit === "string") throw new Error(permit);
    const calls = new Calls();
    const wire = new Wire();
    let ends = 0;
    const onClosed = (): void => {
      ends += 1;
    };
    const connection = new ServerConnection(
      wire as unknown as Socket, // all that is used of it
      {
        methods: new Map([
          [GRPC_METHODS.session.path, calls.method],
          ...new Health(() => true).methods({ maxWatches: 8 }),
        ]),
        streams,
        memory,
        maxStreams: 30,
        windowBytes: () => 64 * 1024,
        unreadCalls: () => 8,
        keepaliveTimeMs: 30_000,
        keepaliveTimeoutMs: 30_000,
        greetingMs: 10_000,
        idleMs: 10_000,
      },
      { peer: { ...UNKNOWN_PEER, description: "fuzz" }, permit, connections: 1, onClosed },
    );
    // Some come in two packets, of which the second is read in a turn of its own.
    const cut = bytes.length % 3 === 0 ? bytes.length >> 1 : bytes.length;
    wire.push(bytes.subarray(0, cut));
    if (cut < bytes.length) {
      await nextTurn();
      wire.push(bytes.subarray(cut));
    }
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    wire.push(null);
    await nextTurn();
    connection.destroy();
    for (let turn = 0; ends === 0 || calls.open > 0 || streams.open > 0; turn++) {
      if (turn === MOST_TURNS) {
        throw new Error(`left after ${ends} ends: ${calls.open} calls, ${streams.open} streams`);
      }
      await nextTurn();
    }
    const [fault] = calls.faults;
    if (fault !== undefined) throw new Error(fault);
    if (ends !== 1 || guard.open !== 0) throw new Error(`${ends} ends, ${guard.open} connections are left`);
    if (memory.heldBytes !== 0) throw new Error(`${memory.heldBytes} bytes are counted for nobody`);
  },
};

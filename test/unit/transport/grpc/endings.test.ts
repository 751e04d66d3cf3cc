/** A server that makes Node end the connection of its caller while it reads: the call ends with an error, and the process goes on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { parseGrpcAddress } from "../../../../src/transport/grpc/address.ts";
import { GrpcChannel } from "../../../../src/transport/grpc/channel.ts";
import type { GrpcEnd } from "../../../../src/transport/grpc/error-from-status.ts";
import { GRPC_METHODS } from "../../../../src/transport/grpc/service.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  ACK,
  END_HEADERS,
  ENDINGS,
  FrameType,
  field,
  frame,
  uint32,
} from "../../../support/hostile/http2-frames.ts";
import { leakCheck } from "../../../support/leak-check.ts";

const ANSWER = Buffer.concat([field(":status", "200"), field("content-type", "application/grpc")]);
const REQUEST = Buffer.concat([
  field(":method", "GET"),
  field(":scheme", "http"),
  field(":path", "/"),
  field(":authority", "worker"),
]);

/** An answer, and a message of it. */
function answerFrames(stream: number): Buffer {
  return Buffer.concat([
    frame(FrameType.HEADERS, END_HEADERS, stream, ANSWER),
    frame(FrameType.DATA, 0, stream, Buffer.concat([Buffer.alloc(1), uint32(1), Buffer.alloc(1)])),
  ]);
}

/** A stream that the server begins by itself, which callers do not take. */
function pushFrames(stream: number): Buffer {
  const promise = Buffer.concat([uint32(stream), REQUEST]);
  return Buffer.concat([frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, promise), answerFrames(stream)]);
}

/** What follows in the same packet. */
const REST: Readonly<Record<string, Buffer>> = {
  "an answer": answerFrames(1),
  "a stream of its own": answerFrames(2),
  "streams that it pushes": Buffer.concat([pushFrames(2), pushFrames(4)]),
  "an answer and streams that it pushes": Buffer.concat([answerFrames(1), pushFrames(2), pushFrames(4)]),
};

for (const [what, ending] of Object.entries(ENDINGS)) {
  for (const [rest, bytes] of Object.entries(REST)) {
    test(`GrpcChannel outlives a server that sends ${what}, and ${rest} behind it`, async () => {
      await using _leaks = leakCheck();
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on("error", () => {});
        socket.resume();
        socket.write(frame(FrameType.SETTINGS, 0, 0));
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as { readonly port: number };
      const channel = await GrpcChannel.connect(parseGrpcAddress(`127.0.0.1:${port}`));
      const ends: GrpcEnd[] = [];
      const call = channel.call(GRPC_METHODS.session, {
        maxMessageBytes: 100,
        events: { message() {}, drain() {}, ended: (end) => ends.push(end) },
      });
      call.send(Buffer.alloc(5));

      sockets[0]?.write(Buffer.concat([frame(FrameType.SETTINGS, ACK, 0), ending, bytes]));
      await eventually(() => channel.ended || !channel.usable);
      channel.destroy();
      await channel.closed;

      await eventually(() => ends.length === 1);
      assert.notEqual(ends[0]?.kind, "status");
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
  }
}

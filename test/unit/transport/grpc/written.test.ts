/** When memory that was sent over HTTP/2 may be used again: once it has left, not before. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseGrpcAddress } from "../../../../src/transport/grpc/address.ts";
import { GrpcChannel } from "../../../../src/transport/grpc/channel.ts";
import { GRPC_METHODS } from "../../../../src/transport/grpc/service.ts";
import { eventually } from "../../../support/eventually.ts";
import { ACK, FrameType, frame, uint32 } from "../../../support/hostile/http2-frames.ts";
import { leakCheck } from "../../../support/leak-check.ts";

const MIB = 1024 * 1024;
/** More than the system takes for a peer that does not read. */
const MUCH = 32 * MIB;
const WINDOW = 0x7fff_ffff;
const WIDE = Buffer.concat([
  frame(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(WINDOW)])),
  frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(WINDOW - 65_535)),
  frame(FrameType.SETTINGS, ACK, 0),
]);

/** A server that takes any amount by HTTP/2's windows, and reads it when it is told to. */
async function slowServer() {
  let socket: Socket | undefined;
  const bytes = { read: 0, changed: 0 };
  const server = createServer((accepted) => {
    socket = accepted;
    accepted.on("error", () => {});
    accepted.on("data", (chunk: Buffer) => {
      bytes.read += chunk.length;
      if (chunk.includes(0xee)) bytes.changed += 1;
    });
    accepted.write(WIDE);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { readonly port: number };
  return {
    bytes,
    address: parseGrpcAddress(`127.0.0.1:${port}`),
    socket: (): Socket => socket ?? assert.fail("nobody has connected"),
    async [Symbol.asyncDispose]() {
      socket?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a call tells that what it sent has been written once the system has taken all of it", async () => {
  await using _leaks = leakCheck();
  await using server = await slowServer();
  const channel = await GrpcChannel.connect(server.address);
  const call = channel.call(GRPC_METHODS.session, {
    maxMessageBytes: 100,
    events: { message() {}, drain() {}, ended() {} },
  });
  const told: string[] = [];
  call.whenWritten(() => told.push("nothing"));
  assert.deepEqual(told, ["nothing"]);
  call.send(Buffer.alloc(10));
  await eventually(() => server.bytes.read > 100 && server.bytes.read);
  server.socket().pause();
  const first = Buffer.alloc(64 * 1024);
  const second = Buffer.alloc(MUCH);

  call.send(first);
  call.send(second.subarray(0, MUCH / 2), second.subarray(MUCH / 2));
  call.whenWritten(() => {
    told.push("all");
    second.fill(0xee);
  });
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  assert.deepEqual(told, ["nothing"]);

  server.socket().resume();
  await eventually(() => told.length === 2 && server.bytes.read > MUCH);
  assert.equal(server.bytes.changed, 0);
  channel.destroy();
  await channel.closed;
});

test("a call whose connection ends tells whoever waits for what it sent to be written", async () => {
  await using _leaks = leakCheck();
  await using server = await slowServer();
  const channel = await GrpcChannel.connect(server.address);
  const call = channel.call(GRPC_METHODS.session, {
    maxMessageBytes: 100,
    events: { message() {}, drain() {}, ended() {} },
  });
  const told: string[] = [];
  await eventually(() => server.bytes.read > 0);
  server.socket().pause();

  call.send(Buffer.alloc(MUCH));
  call.whenWritten(() => told.push("first"));
  call.send(Buffer.alloc(MUCH));
  call.whenWritten(() => told.push("second"));
  channel.destroy();

  await eventually(() => told.length === 2);
  assert.deepEqual(told, ["first", "second"]);
  call.whenWritten(() => told.push("ended"));
  assert.equal(told.length, 3);
  await channel.closed;
});

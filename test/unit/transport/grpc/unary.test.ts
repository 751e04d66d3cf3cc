/** The unary calls against a gRPC server: answers, refusals, silence, nonsense. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { grpcChannels } from "../../../../src/transport/grpc/channel-pool.ts";
import { describeWorker, requestStop, workerIdleTime } from "../../../../src/transport/grpc/unary.ts";
import {
  decodeStopRequest,
  encodeIdleTime,
  encodeWorkerMetadata,
} from "../../../../src/wire/messages/service-messages.ts";
import { eventually } from "../../../support/eventually.ts";
import { keepAliveCount } from "../../../support/keep-alive-count.ts";
import { type LeakCheck, leakCheck } from "../../../support/leak-check.ts";
import { type GrpcHandlers, type ServedGrpc, serveGrpc } from "../../../support/serve-grpc.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const WORKER = workerMetadata({ socket: "/run/merino/w", hostId: "h" });
const NEVER = (): Promise<never> => new Promise(() => {});

/** A server, and the end of the connections to it with the test. */
async function serve(handlers: GrpcHandlers, address?: string): Promise<ServedGrpc> {
  const served = await serveGrpc(handlers, address);
  return {
    ...served,
    async [Symbol.asyncDispose]() {
      await grpcChannels.close();
      await served[Symbol.asyncDispose]();
    },
  };
}

test("describeWorker gives the worker's record, without a socket that the network has no say in", async () => {
  await using leaks: LeakCheck = leakCheck();
  const describe = (): Uint8Array => encodeWorkerMetadata(WORKER);
  await using network = await serve({ describe });
  await using local = await serve({ describe }, `unix:${join(leaks.runtimeRoot, "g")}`);

  const overNetwork = await describeWorker(network.address);
  const overSocket = await describeWorker(local.address);

  assert.equal(overNetwork.uid, WORKER.uid);
  assert.equal(overNetwork.socket, undefined);
  assert.equal(overSocket.socket, WORKER.socket);
});

test("describeWorker refuses with ProtocolError what is not a worker's record", async () => {
  await using _leaks = leakCheck();
  const answers = [
    Uint8Array.of(0xff, 0xff),
    new Uint8Array(0),
    encodeWorkerMetadata({ ...WORKER, uid: "../../etc" }),
    encodeWorkerMetadata({ ...WORKER, address: "unix:/run/other-user" }),
    new Uint8Array(5 * 1024 * 1024),
  ];

  for (const answer of answers) {
    await using served = await serve({ describe: () => answer });

    await assert.rejects(describeWorker(served.address), { code: "ERR_MERINO_PROTOCOL" });
  }
});

test("workerIdleTime gives milliseconds and refuses what is no duration", async () => {
  await using _leaks = leakCheck();
  let seconds = 2.5;
  await using served = await serve({ idle: () => encodeIdleTime(seconds) });

  const idleMs = await workerIdleTime(served.address);
  seconds = -1;

  assert.equal(idleMs, 2_500);
  await assert.rejects(workerIdleTime(served.address), { code: "ERR_MERINO_PROTOCOL" });
});

test("requestStop sends the grace in seconds, and a negative number for one without limit", async () => {
  await using _leaks = leakCheck();
  const received: number[] = [];
  await using served = await serve({
    stop(request) {
      received.push(decodeStopRequest(request));
      return new Uint8Array(0);
    },
  });

  for (const graceMs of [0, 1_500, Number.POSITIVE_INFINITY]) {
    await requestStop(served.address, { graceMs });
  }

  assert.deepEqual(received, [0, 1.5, -1]);
});

test("requestStop rejects with the worker's explanation when it is refused", async () => {
  await using _leaks = leakCheck();
  await using served = await serve({
    stop: () => ({ code: 7, details: "not over the network: größe 100%" }),
  });

  await assert.rejects(requestStop(served.address, { graceMs: 0 }), {
    code: "ERR_MERINO_HANDSHAKE",
    message: /not over the network: größe 100%/,
  });
});

test("the unary calls reject with VersionError where the worker refuses the version", async () => {
  await using _leaks = leakCheck();
  await using served = await serve({ describe: () => ({ code: 9, details: "speaks version '3.0.0' only" }) });

  await assert.rejects(describeWorker(served.address), { code: "ERR_MERINO_VERSION", remote: "3.0.0" });
});

test("the unary calls reject with HandshakeError for every other status and for nobody there", async () => {
  await using _leaks = leakCheck();
  let code = 1;
  await using served = await serve({ describe: () => ({ code, details: "" }) });
  const statuses = Array.from({ length: 16 }, (_, at) => at + 1).filter((one) => one !== 9);

  for (code of statuses) {
    await assert.rejects(describeWorker(served.address), { code: "ERR_MERINO_HANDSHAKE" }, `code ${code}`);
  }
  await served[Symbol.asyncDispose]();
  await assert.rejects(describeWorker(served.address), { code: "ERR_MERINO_HANDSHAKE" });
});

test("the unary calls give up after their timeout, on a silent server and on a silent worker", async () => {
  await using _leaks = leakCheck();
  const sockets: Array<{ destroy(): void }> = [];
  const silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  assert.ok(typeof address === "object" && address !== null);
  await using served = await serve({ describe: NEVER });

  for (const target of [served.address, `127.0.0.1:${address.port}`]) {
    await assert.rejects(describeWorker(target, { timeoutMs: 60 }), { code: "ERR_MERINO_HANDSHAKE" });
  }
  for (const socket of sockets) socket.destroy();
  silent.close();

  assert.equal(keepAliveCount(), 0);
});

test("the unary calls reject with the reason of their signal and leave no listener", async () => {
  await using _leaks = leakCheck();
  let asked = 0;
  await using served = await serve({
    describe() {
      asked += 1;
      return asked === 1 ? encodeWorkerMetadata(WORKER) : NEVER();
    },
  });
  const controller = new AbortController();
  const reason = new Error("enough");
  const { signal } = controller;

  await describeWorker(served.address, { signal });
  const afterAnswer = getEventListeners(signal, "abort").length;
  const waiting = describeWorker(served.address, { signal });
  await eventually(() => asked === 2);
  controller.abort(reason);

  await assert.rejects(waiting, reason);
  await assert.rejects(describeWorker(served.address, { signal }), reason);
  assert.deepEqual([afterAnswer, getEventListeners(signal, "abort").length], [0, 0]);
});

test("the unary calls share a connection, and make a new one after it was cut", async () => {
  await using _leaks = leakCheck();
  await using served = await serve({
    describe: () => encodeWorkerMetadata(WORKER),
    idle: () => encodeIdleTime(1),
  });

  await Promise.all([
    describeWorker(served.address),
    workerIdleTime(served.address),
    describeWorker(served.address),
  ]);
  const sizeBefore = grpcChannels.size;
  served.cut();
  await eventually(() => grpcChannels.size === 0);
  const port = served.address.split(":")[1];
  await using again = await serve({ idle: () => encodeIdleTime(2) }, `127.0.0.1:${port}`);

  assert.equal(sizeBefore, 1);
  assert.equal(await workerIdleTime(again.address), 2_000);
});

test("the unary calls keep the process alive while they wait, unless they are in the background", async () => {
  await using _leaks = leakCheck();
  await using served = await serve({ describe: NEVER });

  const held = describeWorker(served.address, { timeoutMs: 100 });
  const countWhile = keepAliveCount();
  const background = describeWorker(served.address, { timeoutMs: 100, background: true });
  const countWithBoth = keepAliveCount();
  await Promise.allSettled([held, background]);

  assert.deepEqual([countWhile, countWithBoth, keepAliveCount()], [1, 1, 0]);
});

/** What a network worker answers on its gRPC service, and how connections that are none of its kind end. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { WorkerProxy } from "merino";
import { requestStop, workerIdleTime } from "../../../src/transport/grpc/unary.ts";
import { controlSocketPath } from "../../../src/transport/unix/socket-path.ts";
import { decodeWorkerMetadata, encodeStopRequest } from "../../../src/wire/messages/service-messages.ts";
import { version } from "../../../src/wire/version.ts";
import { eventually } from "../../support/eventually.ts";
import { FOREIGN_METHODS, type ForeignMethod, grpc } from "../../support/foreign-grpc.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { batchOf, helloWith } from "../../support/protocol-peers.ts";
import { hidden } from "./fixtures/hidden-routines.ts";
import { add, held, isHeld, releaseHeld, waitersSeen, waitForCancel } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

const CODE = { OK: 0, PERMISSION_DENIED: 7, RESOURCE_EXHAUSTED: 8, FAILED_PRECONDITION: 9 };
const TIMEOUT = { timeoutMs: 5_000 };

test("describe gives a network worker's whole record", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ maxConcurrentCalls: 7, maxMessageSize: 1_000_000 });
  await using client = await rawClient(started.metadata.address);

  const record = decodeWorkerMetadata(await client.unary(FOREIGN_METHODS.describe, new Uint8Array(0)));

  const { options, ...rest } = record as typeof started.metadata;
  const { options: stated, ...expected } = started.metadata;
  assert.deepEqual(rest, expected);
  assert.deepEqual({ ...options, ...stated }, options);
});

test("idle counts from the start, is 0 while a call is in flight, and begins anew with its end", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  const { address } = started.remote;
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const idle = (): Promise<number> => workerIdleTime(address, TIMEOUT);
  await eventually(async () => (await idle()) > 0);
  const before = await idle();
  await assert.rejects(hidden.with({ pool: proxy })(), { refusal: "NOT_EXPOSED" });
  const later = await idle();

  const call = held.with({ pool: proxy })();
  await eventually(() => isHeld.with({ pool: proxy })());
  const during = await idle();
  await releaseHeld.with({ pool: proxy })();
  await call;
  await eventually(async () => (await idle()) > 0);

  assert.ok(later > before, "it did not grow: asking, or a refused call, began it anew");
  assert.equal(during, 0);
});

test("stop over TCP is refused, and the worker goes on", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using client = await rawClient(started.metadata.address);
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const error = await client
    .unary(FOREIGN_METHODS.stop, encodeStopRequest(0))
    .catch((caught: unknown) => caught);

  assert.equal((error as ServiceError).code, CODE.PERMISSION_DENIED);
  assert.match((error as ServiceError).details, /control socket/);
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("stop with time lets the calls in flight end, refuses new ones, and ends the process", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  await using local = await WorkerProxy.open({ workers: [started.metadata] });
  const call = held.with({ pool: proxy })();
  await eventually(() => isHeld.with({ pool: local })());

  await requestStop(controlOf(started.metadata.socket), { graceMs: 60_000, ...TIMEOUT });
  const refused = await add
    .with({ pool: proxy, dispatchTimeout: 500 })(1, 2)
    .catch((error: unknown) => error);
  await requestStop(controlOf(started.metadata.socket), { graceMs: 0, ...TIMEOUT });
  const outcome = await call.catch((error: unknown) => error);

  assert.ok(refused instanceof Error, "a call was taken after the request to stop");
  assert.ok(outcome instanceof Error, "a later request with less time did not cut the wait short");
  assert.equal((await exitOf(started)).exitCode, 0);
  assert.equal(existsSync(controlSocketPath(started.metadata.socket ?? "")), false);
});

test("stop without time aborts the calls in flight", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const call = waitForCancel.with({ pool: proxy })();
  await eventually(async () => (await waitersSeen.with({ pool: proxy })()).waiters === 1);

  await requestStop(controlOf(started.metadata.socket), { graceMs: 0, ...TIMEOUT });

  await assert.doesNotReject(call); // its signal fired, and what it returned still left
  assert.equal((await exitOf(started)).exitCode, 0);
});

test("a network worker killed with SIGKILL settles its calls, and its control socket is removed", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const call = held
    .with({ pool: proxy })()
    .catch((error: unknown) => error);
  await eventually(() => isHeld.with({ pool: proxy })());

  process.kill(started.metadata.pid, "SIGKILL");

  assert.equal(((await call) as { code?: string }).code, "ERR_MERINO_WORKER_LOST");
  await exitOf(started);
  assert.equal(existsSync(controlSocketPath(started.metadata.socket ?? "")), false);
});

test("a session whose first message cannot be read ends with FAILED_PRECONDITION", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using client = await rawClient(started.metadata.address);

  const garbage = await client.session(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  const noHello = await client.session(batchOf((writer) => writer.ping(1)));

  assert.equal(garbage.code, CODE.FAILED_PRECONDITION);
  assert.equal(noHello.code, CODE.FAILED_PRECONDITION);
  assert.match(noHello.details, /Hello/);
});

test("a session of another major ends with FAILED_PRECONDITION and both versions", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using client = await rawClient(started.metadata.address);

  const other = await client.session(batchOf((writer) => writer.hello(helloWith({ version: "9000.1.2" }))));
  const unparsable = await client.session(batchOf((writer) => writer.hello(helloWith({ version: "new" }))));

  assert.equal(other.code, CODE.FAILED_PRECONDITION);
  assert.ok(other.details.includes("9000.1.2") && other.details.includes(version), other.details);
  assert.equal(unparsable.code, CODE.FAILED_PRECONDITION);
});

test("a message beyond the limits ends its stream with RESOURCE_EXHAUSTED, and no other", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ maxMessageSize: 1_000_000 });
  await using client = await rawClient(started.metadata.address);
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const ended = await client.session(Buffer.alloc(17 * 1024 * 1024));

  assert.equal(ended.code, CODE.RESOURCE_EXHAUSTED);
  assert.match(ended.details, /\d{7,}/);
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("dispatch of something that is no task ends with FAILED_PRECONDITION", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using client = await rawClient(started.metadata.address);

  const ended = await client.dispatch(Buffer.from("garbage"));

  assert.equal(ended.code, CODE.FAILED_PRECONDITION);
});

function controlOf(socket: string | undefined): string {
  return `unix:${controlSocketPath(socket ?? "")}`;
}

interface Ended {
  readonly code: number;
  readonly details: string;
}

interface RawClient extends AsyncDisposable {
  unary(method: ForeignMethod, request: Uint8Array): Promise<Buffer>;
  /** Sends one message and waits for the end of the stream. */
  session(first: Uint8Array): Promise<Ended>;
  dispatch(first: Uint8Array): Promise<Ended>;
}

/** A gRPC client that knows nothing of the protocol. */
async function rawClient(address: string): Promise<RawClient> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
  });
  const stream = (method: ForeignMethod, first: Uint8Array): Promise<Ended> =>
    new Promise((resolve) => {
      const call: ClientDuplexStream<Uint8Array, Buffer> = client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
      );
      call.on("data", () => {});
      call.on("error", () => {}); // told by 'status' as well
      call.on("status", ({ code, details }) => resolve({ code, details }));
      call.write(first);
    });
  return {
    unary: (method, request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          (error: ServiceError | null, response?: Buffer) => {
            if (error === null && response !== undefined) resolve(response);
            else reject(error);
          },
        );
      }),
    session: (first) => stream(FOREIGN_METHODS.session, first),
    dispatch: (first) => stream(FOREIGN_METHODS.dispatch, first),
    async [Symbol.asyncDispose]() {
      client.close();
    },
  };
}

/** How many calls and sessions may be open at a time: a part of the worker's memory is for what they hold. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { test } from "node:test";
import { WorkerProxy } from "merino";
import { GRPC_METHODS, NOT_STARTED_TRAILER } from "../../../src/transport/grpc/service.ts";
import { taskOf } from "../../support/dispatch-peers.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

const MIB = 1024 * 1024;
/** So many places there are with the least memory, of which one address gets three quarters. */
const PLACES = 64;
const KEEP = "merino/test/integration/network-worker/fixtures/network-routines.ts#keep";

/** A connection from one of this host's addresses. */
async function connectFrom(address: string, localAddress: string): Promise<ClientHttp2Session> {
  const [host, port] = address.split(":");
  const socket = connectSocket({ host, port: Number(port), localAddress });
  await once(socket, "connect");
  const session = connect(`http://${address}`, { createConnection: () => socket });
  session.on("error", () => {});
  return session;
}

/** Begins a call whose body waits until it is cancelled; resolves with its status, or `undefined` once it has begun. */
async function begin(session: ClientHttp2Session): Promise<Record<string, unknown> | undefined> {
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": GRPC_METHODS.dispatch.path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const task = taskOf(KEEP, [1]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(task.length, 1);
  stream.write(Buffer.concat([prefix, task]));
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  stream.resume();
  return headers["grpc-status"] === undefined ? undefined : headers;
}

test("calls that stay open leave room for those of others, and the worker says why it refuses more", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker({ maxHeldBytes: 3 * MIB, maxMessageSize: MIB });
  const { address } = started.remote;
  const greedy = await connectFrom(address, "127.0.0.1");
  const other = await connectFrom(address, "127.0.0.2");

  const begun = await Promise.all(Array.from({ length: PLACES }, () => begin(greedy)));
  const ofOther = await begin(other);

  const refusals = begun.filter((status) => status !== undefined);
  assert.equal(refusals.length, PLACES / 4);
  assert.equal(refusals[0]?.["grpc-status"], "8");
  assert.match(String(refusals[0]?.["grpc-message"]), /maxHeldBytes/);
  assert.equal(refusals[0]?.[NOT_STARTED_TRAILER], "1");
  assert.equal(ofOther, undefined);

  // Their places are free again once their bodies have ended.
  greedy.destroy();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  await eventually(async () => (await add.with({ pool: proxy, dispatchTimeout: 5_000 })(1, 2)) === 3);
  other.destroy();
});

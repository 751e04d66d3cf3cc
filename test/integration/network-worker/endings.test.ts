/** A caller that makes Node end its connection to a worker while it reads: the worker goes on. On some versions of Node it ended. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { WorkerCredentials, WorkerProxy } from "merino";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";
import { callFrames, ENDINGS, FrameType, frame, PREFACE } from "../../support/hostile/http2-frames.ts";
import { createAuthority } from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add } from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

const GREETING = Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]);
const CALLS = [1, 3, 5].map((stream) => callFrames(stream, GRPC_METHODS.session.path));

/** Sends every ending, before and between calls, over connections of their own; resolves once all have ended. */
async function endConnections(connect: () => Socket): Promise<void> {
  await Promise.all(
    Object.values(ENDINGS).flatMap((ending) =>
      [
        [ending, ...CALLS],
        [CALLS[0] ?? ending, ending, ...CALLS.slice(1)],
      ].map(async (frames) => {
        const socket = connect();
        socket.on("error", () => {});
        socket.resume();
        const closed = once(socket, "close");
        socket.write(Buffer.concat([GREETING, ...frames]));
        // A worker ends most by itself; to others nothing is left to say.
        const enough = setTimeout(() => socket.end(), 300);
        await closed;
        clearTimeout(enough);
      }),
    ),
  );
}

test("a network worker outlives callers that have it end their connections while it reads", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  const { hostname, port } = new URL(`http://${started.remote.address}`);

  await endConnections(() => createConnection({ host: hostname, port: Number(port) }));

  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("a worker with credentials outlives them as well", async () => {
  await using _leaks = leakCheck();
  const farm = createAuthority();
  const thumbs = farm.issue({ uris: ["spiffe://farm/thumbs"], ips: ["127.0.0.1"] });
  const api = farm.issue({ uris: ["spiffe://farm/api"] });
  const credentialsOf = ({ cert, key }: typeof api): WorkerCredentials =>
    WorkerCredentials.fromPem({ ca: farm.ca, cert, key });
  await using started = await startNetworkWorker({ credentials: credentialsOf(thumbs) });
  const { port } = new URL(`http://${started.remote.address}`);

  await endConnections(() =>
    connectTls({
      ...{ host: "127.0.0.1", port: Number(port), ALPNProtocols: ["h2"] },
      ...{ ca: farm.ca, cert: api.cert, key: api.key },
    }),
  );

  await using proxy = await WorkerProxy.open({ workers: [started.remote], credentials: credentialsOf(api) });
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

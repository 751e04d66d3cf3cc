/** Workers with credentials: who they serve, who callers are to them, and how their keys are replaced. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rename, writeFile } from "node:fs/promises";
import { after, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import {
  LocalDiscovery,
  StaticDiscovery,
  TaskRefusedError,
  WorkerConnection,
  WorkerCredentials,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { grpcChannels } from "../../../src/transport/grpc/channel-pool.ts";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";
import { requestStop } from "../../../src/transport/grpc/unary.ts";
import { usePythonModule, useTool } from "../../support/debian-tool.ts";
import { eventually } from "../../support/eventually.ts";
import {
  createAuthority,
  type IssuedCertificate,
  writeCertificate,
} from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { add, caller, callerOfNested, countdown, echo, forApi } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

const run = promisify(execFile);

const farm = createAuthority();
const thumbs = farm.issue({ uris: ["spiffe://farm/thumbs"], dns: ["localhost"], ips: ["127.0.0.1"] });
const api = farm.issue({ uris: ["spiffe://farm/api"] });
const batch = farm.issue({ uris: ["spiffe://farm/batch"] });

const files = temporaryPackage({});
after(() => files[Symbol.dispose]());

function credentialsOf(
  issued: IssuedCertificate,
  policy: { readonly identity?: string; readonly peers?: readonly string[] } = {},
): WorkerCredentials {
  return WorkerCredentials.fromPem({ ca: farm.ca, cert: issued.cert, key: issued.key, ...policy });
}

const IDENTITY = { identity: "spiffe://farm/thumbs" };

test("a worker with credentials serves callers of its authority, streams and large values too", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs, IDENTITY) });
  await using proxy = await WorkerProxy.open({ workers: [worker.remote], credentials: credentialsOf(api) });
  const bytes = Buffer.alloc(5 * 1024 * 1024, "merino ");

  const sums = await Promise.all(Array.from({ length: 200 }, (_, n) => add.with({ pool: proxy })(n, 1)));
  const values = await collect(countdown.with({ pool: proxy })(3));
  const echoed = await echo.with({ pool: proxy })(bytes);

  assert.equal(worker.metadata.secure, true);
  assert.equal(worker.metadata.identity, "spiffe://farm/thumbs");
  assert.deepEqual(
    sums,
    Array.from({ length: 200 }, (_, n) => n + 1),
  );
  assert.deepEqual(values, [3, 2, 1]);
  assert.ok(bytes.equals(echoed as Buffer));
});

test("a connection with credentials calls the worker at an address, of which it knows nothing else", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs) });
  await using connection = new WorkerConnection(worker.metadata.address, { credentials: credentialsOf(api) });

  assert.equal(await connection.dispatch(add, 1, 2), 3);
  await grpcChannels.close();
});

test("a worker whose credentials cannot be used does not start, and says why", async () => {
  const { cert, key } = farm.issue({ dns: ["localhost"], usages: ["client"] });
  const forClients = WorkerCredentials.fromPem({ ca: farm.ca, cert, key });
  const callersOnly = WorkerCredentials.fromPem({ ca: farm.ca, mutual: false, peers: ["spiffe://farm/*"] });

  await assert.rejects(startNetworkWorker({ credentials: forClients }), /may not be used by a worker/);
  await assert.rejects(startNetworkWorker({ credentials: callersOnly }), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "peers",
  });
});

test("a pool takes workers with credentials only if it has some, and says which is missing", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs, IDENTITY) });
  await using plain = await startNetworkWorker();
  const remote = ({ remote: { hostId: _, ...rest } }: typeof worker) => rest;
  await using without = await WorkerProxy.open({ workers: [remote(worker)], quorumTimeout: 500 });
  await using withThem = await WorkerProxy.open({
    workers: [remote(plain)],
    credentials: credentialsOf(api),
    quorumTimeout: 500,
  });

  for (const proxy of [without, withThem]) {
    await assert.rejects(add.with({ pool: proxy })(1, 2), (error: { reasons?: { reason: string }[] }) => {
      assert.equal(error.reasons?.[0]?.reason, "security");
      return true;
    });
  }
});

test("a worker that cannot be verified says why, in the error of the call and in explain()", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs, IDENTITY) });
  const credentials = credentialsOf(api, { peers: ["spiffe://other/*"] });
  await using proxy = await WorkerProxy.open({
    workers: [worker.remote],
    credentials,
    quorumTimeout: 500,
  });
  const call = (): Promise<number> => add.with({ pool: proxy })(1, 2);
  // It connects for the first call, which may have waited in vain before the handshake has failed.
  await assert.rejects(call());
  await eventually(() => proxy.explain().members[0]?.handshake !== undefined);

  await assert.rejects(
    call(),
    (error: { readonly reasons?: readonly { readonly reason: string; readonly handshake?: string }[] }) => {
      assert.deepEqual(
        error.reasons?.map(({ reason, handshake }) => [reason, handshake]),
        [["unreachable", "name-mismatch"]],
      );
      return true;
    },
  );
  assert.equal(proxy.explain().members[0]?.handshake, "name-mismatch");
});

test("a task knows who has called, and a nested one also who was the first", async () => {
  await using _leaks = leakCheck();
  const discovery = new LocalDiscovery("network-credentials");
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs, IDENTITY) }, [
    discovery.descriptor,
  ]);
  // As another host sees it, so that the worker calls itself over the network.
  const { hostId: _, ...remote } = worker.remote;
  const publisher = discovery.publisher();
  await publisher.publish({ type: "worker-added", worker: remote });
  await using pool = await WorkerPool.open({ discovery, credentials: credentialsOf(api), ambient: false });
  const network = { address: "127.0.0.1", verified: true, local: false };

  const direct = await caller.with({ pool })();
  const nested = await callerOfNested.with({ pool })();
  await using unix = await WorkerPool.open({
    discovery: new StaticDiscovery([worker.metadata]),
    ambient: false,
  });
  const local = await caller.with({ pool: unix })();

  assert.deepEqual(direct, { ...network, identities: ["spiffe://farm/api"], origin: ["spiffe://farm/api"] });
  assert.deepEqual(nested, {
    ...network,
    identities: ["localhost", "spiffe://farm/thumbs", "127.0.0.1"].filter((name) =>
      nested.identities?.includes(name),
    ),
    origin: ["spiffe://farm/api"],
  });
  assert.ok(nested.identities?.includes("spiffe://farm/thumbs"));
  assert.deepEqual(local, {
    identities: [],
    address: undefined,
    verified: false,
    local: true,
    origin: undefined,
  });
  await publisher.close();
});

test("a routine's 'allow' and the worker's rules both have to permit a call, and refuse it before it is decoded", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({
    credentials: credentialsOf(thumbs, IDENTITY),
    allow: { "*#forApi": ["*"], "*#add": ["spiffe://farm/*"] },
  });
  await using ofApi = await WorkerProxy.open({ workers: [worker.remote], credentials: credentialsOf(api) });
  await using ofBatch = await WorkerProxy.open({
    workers: [worker.remote],
    credentials: credentialsOf(batch),
  });
  const forbidden = (error: unknown): boolean =>
    error instanceof TaskRefusedError && error.refusal === "FORBIDDEN";

  assert.equal(await add.with({ pool: ofBatch })(1, 2), 3);
  await assert.rejects(forApi.with({ pool: ofBatch })(1), forbidden);
  await assert.rejects(echo.with({ pool: ofApi })(1), forbidden);
  assert.equal(await forApi.with({ pool: ofApi })(1), 1);
  assert.equal(await add.with({ pool: ofBatch })(2, 2), 4);
  assert.equal(ofBatch.explain().refused.length, 0);
});

test("a worker is stopped over the network by those only who may", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({
    credentials: credentialsOf(thumbs, IDENTITY),
    stopAllow: ["spiffe://farm/batch"],
  });
  const { address } = worker.metadata;
  const stopAs = (issued: IssuedCertificate): Promise<void> =>
    requestStop(address, { graceMs: 0, trust: credentialsOf(issued).trust });

  await assert.rejects(stopAs(api), /does not permit this/);
  await stopAs(batch);
  const { exitCode } = await exitOf(worker);
  await grpcChannels.close();

  assert.equal(exitCode, 0);
});

test("files that are replaced are used for new connections within a second, torn ones never", async () => {
  await using _leaks = leakCheck();
  const folder = files.path("rotation");
  const first = farm.issue({ dns: ["localhost"], ips: ["127.0.0.1"] });
  const second = farm.issue({ dns: ["localhost"], ips: ["127.0.0.1"] });
  const paths = writeCertificate(folder, { ca: farm.ca, cert: first.cert, key: first.key });
  await using worker = await startNetworkWorker({ credentials: WorkerCredentials.watch(paths) });
  const port = Number(worker.metadata.address.split(":")[1]);
  await using proxy = await WorkerProxy.open({ workers: [worker.remote], credentials: credentialsOf(api) });
  const running = countdown.with({ pool: proxy })(3);
  await running.next();

  await writeFile(paths.key, second.key); // torn: the key of another certificate
  await writeFile(paths.cert, "");
  const whileTorn = await serialAt(port);
  await writeFile(`${paths.cert}.new`, second.cert);
  await rename(`${paths.cert}.new`, paths.cert);
  const beganMs = performance.now();
  await eventually(async () => (await serialAt(port)) === second.certificate.serialNumber, {
    withinMs: 10_000,
  });
  const tookMs = performance.now() - beganMs;
  const rest = await collect(running);

  assert.equal(whileTorn, first.certificate.serialNumber);
  assert.deepEqual(rest, [2, 1]);
  assert.ok(tookMs < 10_000);
});

/** Calls `idle` of a worker with Python's gRPC; prints how that ends. */
const PYTHON_CLIENT = `
import sys, grpc
address, ca, cert, key = sys.argv[1:5]
read = lambda path: open(path, "rb").read()
own = dict(private_key=read(key), certificate_chain=read(cert)) if cert else {}
channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(read(ca), **own))
idle = channel.unary_unary("${GRPC_METHODS.idle.path}", request_serializer=bytes, response_deserializer=bytes)
try:
    print("answer", len(idle(b"", timeout=20)))
except grpc.RpcError as error:
    print(error.code().name)
`;

test("clients of other libraries shake hands with a worker, if their certificates will do", async () => {
  const python = await usePythonModule("grpc", "python3-grpcio");
  const openssl = await useTool("openssl", "openssl");
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker({ credentials: credentialsOf(thumbs, IDENTITY) });
  const { address } = worker.metadata;
  const port = address.split(":")[1] ?? "";
  const own = writeCertificate(files.path("own"), { ca: farm.ca, cert: api.cert, key: api.key });
  const strange = createAuthority().issue({ dns: ["localhost"] });
  const other = writeCertificate(files.path("other"), { ca: farm.ca, cert: strange.cert, key: strange.key });
  const ask = async (...words: readonly string[]): Promise<string> =>
    (await run(python, ["-c", PYTHON_CLIENT, ...words], { timeout: 60_000 })).stdout.trim();

  const shaken = await run(
    "sh",
    [
      "-c",
      `${openssl} s_client -connect ${address} -CAfile ${own.ca} -cert ${own.cert} -key ${own.key} -alpn h2 </dev/null`,
    ],
    { timeout: 60_000 },
  );

  assert.match(shaken.stdout, /Verify return code: 0 \(ok\)/);
  assert.match(shaken.stdout, /ALPN protocol: h2/);
  assert.match(await ask(`localhost:${port}`, own.ca, own.cert, own.key), /^answer \d+$/);
  assert.equal(await ask(`localhost:${port}`, other.ca, other.cert, other.key), "UNAUTHENTICATED");
  assert.equal(await ask(`localhost:${port}`, own.ca, "", ""), "UNAUTHENTICATED");
});

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}

/** The serial number of the certificate that a worker presents to a new connection. */
async function serialAt(port: number): Promise<string | undefined> {
  const { cert, key } = api;
  const socket = connectTls({ host: "127.0.0.1", port, ca: farm.ca, cert, key, ALPNProtocols: ["h2"] });
  try {
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    return socket.getPeerX509Certificate()?.serialNumber;
  } finally {
    socket.destroy();
  }
}

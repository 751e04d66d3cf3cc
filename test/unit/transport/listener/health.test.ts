/** The health of a worker, as a client of another implementation sees it on the listener's servers. */
import assert from "node:assert/strict";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { createServer } from "node:net";
import { test } from "node:test";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { Health } from "../../../../src/transport/listener/health.ts";
import type { ServerCall } from "../../../../src/transport/listener/server-call.ts";
import { eventually } from "../../../support/eventually.ts";
import { grpc } from "../../../support/foreign-grpc.ts";
import { healthClient } from "../../../support/foreign-health.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";
import { leakCheck } from "../../../support/leak-check.ts";
import { materialOf, serveTls } from "../../../support/serve-tls.ts";

const WORKER = "wool.runtime.protobuf.wire.Worker";
const ANY_PORT = { host: "127.0.0.1", port: 0 };

test("Health says SERVING of the worker and of its service, and knows no other", async () => {
  await using _leaks = leakCheck();
  await using served = await serveTls(undefined);
  using client = healthClient(served.address);

  assert.equal(await client.check(), "SERVING");
  assert.equal(await client.check(WORKER), "SERVING");
  assert.equal(await client.check("another.Service"), "NOT_FOUND");
});

test("Health says NOT_SERVING as soon as the worker takes no calls, before anybody has told it", async () => {
  await using _leaks = leakCheck();
  let takesCalls = true;
  await using served = await serveTls(undefined, { takesCalls: () => takesCalls });
  using client = healthClient(served.address);
  const watch = client.watch();
  await watch.hears("SERVING");

  takesCalls = false;

  assert.equal(await client.check(WORKER), "NOT_SERVING");
  await watch.hears("SERVING", "NOT_SERVING"); // whoever asks has it told to others as well
});

test("Health tells watches when the worker leaves, once, and ends them when the listener closes", async () => {
  await using _leaks = leakCheck();
  await using served = await serveTls(undefined);
  using client = healthClient(served.address);
  const watches = [client.watch(), client.watch(WORKER)];
  const unknown = client.watch("another.Service");
  await Promise.all(watches.map((watch) => watch.hears("SERVING")));
  await unknown.hears("SERVICE_UNKNOWN");

  served.listener.leave();
  served.listener.leave();
  await Promise.all(watches.map((watch) => watch.hears("SERVING", "NOT_SERVING")));
  const late = client.watch();
  await late.hears("NOT_SERVING");
  await served.listener.close(60_000); // which does not wait for whoever watches

  for (const { told } of watches) assert.deepEqual(told, ["SERVING", "NOT_SERVING", "UNAVAILABLE"]);
  assert.deepEqual(late.told, ["NOT_SERVING", "UNAVAILABLE"]);
  assert.deepEqual(unknown.told, ["SERVICE_UNKNOWN", "UNAVAILABLE"]);
});

test("Health says NOT_SERVING to a watch before its end, also if the listener closes at once", async () => {
  await using _leaks = leakCheck();
  await using served = await serveTls(undefined);
  using client = healthClient(served.address);
  const watch = client.watch();
  await watch.hears("SERVING");

  await served.listener.close(60_000);

  await watch.hears("SERVING", "NOT_SERVING", "UNAVAILABLE");
});

test("Health forgets a watch that its caller cancels, and bounds how many there are", () => {
  const health = new Health(() => true);
  const method = new Map(health.methods({ maxWatches: 2 })).get("/grpc.health.v1.Health/Watch");
  const open = () => {
    const log: unknown[] = [];
    const call = {
      send: (bytes: Uint8Array) => log.push(bytes[1]) > 0,
      end: (status: { code: number }) => log.push(`end ${status.code}`),
    };
    const events = method?.open(call as unknown as ServerCall); // all that is used of it
    events?.message(new Uint8Array(0), 0, 0);
    events?.halfClosed();
    return { log, closed: () => events?.closed() };
  };

  const [one, two, three] = [open(), open(), open()];
  three.closed();
  one.closed();
  const four = open();
  health.leave();

  assert.equal(health.watches, 2);
  assert.deepEqual([one.log, two.log, three.log, four.log], [[1], [1, 2], ["end 8"], [1, 2]]);
});

test("Health refuses a request that is none", async () => {
  await using _leaks = leakCheck();
  await using served = await serveTls(undefined);
  const client = new grpc.Client(served.address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });

  for (const method of ["Check", "Watch"]) {
    const code = await new Promise((resolve) => {
      const call = client.makeServerStreamRequest(
        `/grpc.health.v1.Health/${method}`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from([0x0a, 0x7f]),
      );
      call.on("error", () => {});
      call.on("status", (status) => resolve(status.code));
      call.resume();
    });
    assert.equal(code, grpc.status.INVALID_ARGUMENT);
  }
  client.close();
});

test("a listener for health alone needs no certificate, tells the same, and serves nothing else", async () => {
  await using _leaks = leakCheck();
  const authority = createAuthority();
  const trust = {
    policy: { mutual: true },
    material: materialOf(authority.issue({ ips: ["127.0.0.1"] }), authority.ca),
  };
  await using served = await serveTls(trust, { health: ANY_PORT });
  const address = `127.0.0.1:${served.listener.healthPort}`;
  using client = healthClient(address);
  using stranger = healthClient(served.address);
  const watch = client.watch(WORKER);
  await watch.hears("SERVING");

  assert.equal(await client.check(), "SERVING");
  for (const path of [
    `/${WORKER}/session`,
    `/${WORKER}/dispatch`,
    `/${WORKER}/idle`,
    `/${WORKER}/describe`,
    `/${WORKER}/stop`,
    `/${WORKER}/access`,
  ]) {
    assert.equal(await statusOf(address, path), String(grpc.status.UNIMPLEMENTED), path);
  }
  assert.equal(await stranger.check(), "UNAUTHENTICATED"); // where calls are taken, it is told to those who may call
  served.listener.leave();
  await watch.hears("SERVING", "NOT_SERVING");
  assert.equal(await client.check(), "NOT_SERVING");
});

test("Health is told over mutual TLS to a caller that is accepted, and to no other", async () => {
  await using _leaks = leakCheck();
  const authority = createAuthority();
  const trust = {
    policy: { mutual: true, peers: ["api.example"] },
    material: materialOf(authority.issue({ dns: ["worker.example"] }), authority.ca),
  };
  await using served = await serveTls(trust);
  const clientOf = (dns: string) => {
    const { key, cert } = authority.issue({ dns: [dns] });
    const pem = [authority.ca, key, cert].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
    return healthClient(served.address, {
      credentials: grpc.credentials.createSsl(...pem),
      name: "worker.example",
    });
  };
  using accepted = clientOf("api.example");
  using other = clientOf("other.example");

  assert.equal(await accepted.check(), "SERVING");
  assert.equal(await other.check(), "UNAUTHENTICATED");
});

test("a listener whose address for health is taken says so, and leaves nothing open", async () => {
  await using _leaks = leakCheck();
  const other = createServer().listen(ANY_PORT);
  await eventually(() => other.listening);
  const { port } = other.address() as { port: number };

  await assert.rejects(
    serveTls(undefined, { health: { host: "127.0.0.1", port } }),
    (error) =>
      error instanceof InvalidOptionError &&
      error.option === "health" &&
      /another program/.test(error.message),
  );
  await assert.rejects(
    serveTls(undefined, { health: { host: "192.0.2.1", port } }),
    (error) => error instanceof InvalidOptionError && error.option === "health",
  );
  other.close();
});

/** Calls a method with an empty request, in plain text. @returns The `grpc-status` of its end. */
async function statusOf(address: string, path: string): Promise<unknown> {
  const session = connect(`http://${address}`);
  try {
    return await new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("response", (headers: IncomingHttpHeaders) => resolve(headers["grpc-status"]));
      stream.on("error", reject);
      stream.resume();
      stream.end(Buffer.alloc(5));
    });
  } finally {
    session.destroy();
  }
}

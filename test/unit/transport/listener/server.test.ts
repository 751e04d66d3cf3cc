/** The gRPC server, tried with raw HTTP/2 and with the reference implementation; what a worker serves is tried in `integration/network-worker`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { createConnection } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { MemoryBudget } from "../../../../src/session/memory/memory-budget.ts";
import { parseGrpcAddress } from "../../../../src/transport/grpc/address.ts";
import { GrpcChannel } from "../../../../src/transport/grpc/channel.ts";
import { NOT_STARTED_TRAILER } from "../../../../src/transport/grpc/service.ts";
import { ConnectionGuard } from "../../../../src/transport/listener/connection-guard.ts";
import { GrpcServer, type GrpcServerOptions } from "../../../../src/transport/listener/server.ts";
import type { ServerCall, ServerCallEvents } from "../../../../src/transport/listener/server-call.ts";
import { StreamGuard } from "../../../../src/transport/listener/stream-guard.ts";
import { eventually } from "../../../support/eventually.ts";
import { grpc } from "../../../support/foreign-grpc.ts";
import { leakCheck } from "../../../support/leak-check.ts";

const MAX_MESSAGE_BYTES = 100_000;
const PATH = "/test.Service/echo";
/** The preface of HTTP/2, and empty SETTINGS. */
const GREETING = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** One call as the method of the test sees it. */
interface Served {
  readonly call: ServerCall;
  readonly events: string[];
}

interface Fixture extends AsyncDisposable {
  readonly address: string;
  readonly server: GrpcServer;
  /** Every call that has been opened. */
  readonly calls: Served[];
}

/** A server whose one method sends back what it gets, and ends when its caller has ended. */
async function serve(
  options: Partial<GrpcServerOptions & { maxConnections: number }> = {},
): Promise<Fixture> {
  const calls: Served[] = [];
  const open = (call: ServerCall): ServerCallEvents => {
    const served: Served = { call, events: [] };
    calls.push(served);
    return {
      message(bytes, start, end) {
        served.events.push(`message ${end - start}`);
        if (!call.send(bytes.subarray(start, end))) served.events.push("full");
      },
      drain: () => served.events.push("drain"),
      halfClosed() {
        served.events.push("half-closed");
        call.end();
      },
      closed: () => served.events.push("closed"),
    };
  };
  const { maxConnections = 100, ...rest } = options;
  const server = await GrpcServer.listen(
    { host: "127.0.0.1", port: 0 },
    {
      methods: new Map([[PATH, { maxMessageBytes: MAX_MESSAGE_BYTES, open }]]),
      streams: new StreamGuard({ maxStreams: 100, greetingMs: 60_000 }),
      memory: new MemoryBudget({ limitBytes: 1_000_000, objectWeight: 1 }),
      guard: new ConnectionGuard({ maxConnections, maxPerAddress: 100, wastedBurst: 20, wastedPerSecond: 1 }),
      maxStreams: 50,
      windowBytes: () => 64 * 1024,
      unreadCalls: () => 8,
      keepaliveTimeMs: 60_000,
      keepaliveTimeoutMs: 60_000,
      greetingMs: 60_000,
      idleMs: 60_000,
      ...rest,
    },
  );
  return {
    address: `127.0.0.1:${server.port}`,
    server,
    calls,
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

interface RawSession extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** The debug data of a GOAWAY, once there is one. */
  goAway: string | undefined;
  request(headers?: Record<string, string>): Answer;
}

/** One request as the client sees it. */
interface Answer {
  readonly stream: ClientHttp2Stream;
  /** Its headers and trailers, once it is over; empty if it was reset. */
  readonly over: Promise<IncomingHttpHeaders & { readonly ":status"?: number }>;
}

async function rawSession(address: string): Promise<RawSession> {
  const session = connect(`http://${address}`);
  session.on("error", () => {});
  const raw: RawSession = {
    session,
    goAway: undefined,
    request(headers = {}) {
      const stream = session.request(
        { ":method": "POST", ":path": PATH, "content-type": "application/grpc", te: "trailers", ...headers },
        { endStream: false },
      );
      let answer: IncomingHttpHeaders = {};
      stream.on("response", (given) => {
        answer = { ...answer, ...given };
      });
      stream.on("trailers", (given) => {
        answer = { ...answer, ...given };
      });
      stream.on("end", () => stream.end());
      stream.on("error", () => {});
      stream.resume();
      return { stream, over: new Promise((resolve) => stream.once("close", () => resolve(answer))) };
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      await eventually(() => session.destroyed);
    },
  };
  session.on("goaway", (_code, _last, data?: Uint8Array) => {
    raw.goAway = Buffer.from(data ?? []).toString();
  });
  return raw;
}

function message(bytes: Uint8Array, { compressed = false } = {}): Buffer {
  const prefix = Buffer.from([compressed ? 1 : 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

test("GrpcServer serves the reference implementation's client: messages of any size both ways, and a status", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  const client = new grpc.Client(fixture.address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const call = client.makeBidiStreamRequest(
    PATH,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes.length,
  );
  const sizes = [0, 1, 4_096, 4_097, 70_000, MAX_MESSAGE_BYTES];
  const received: number[] = [];
  call.on("data", (size: number) => received.push(size));

  for (const size of sizes) call.write(Buffer.alloc(size, 7));
  call.end();
  const [status] = (await once(call, "status")) as [grpc.StatusObject];
  client.close();

  assert.deepEqual(received, sizes);
  assert.equal(status.code, grpc.status.OK);
  await eventually(() => fixture.calls[0]?.events.at(-1) === "closed");
});

test("GrpcServer gives its status, text and trailers to the reference implementation's client, also before any message", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  const client = new grpc.Client(fixture.address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const details = "100 % späť\n𝄞";
  const ended: grpc.StatusObject[] = [];
  for (const first of ["", "message"]) {
    const call = client.makeBidiStreamRequest(
      PATH,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    call.on("error", () => {});
    call.on("data", () => {});
    if (first !== "") call.write(Buffer.from(first));
    else call.end();
    if (first !== "") await eventually(() => fixture.calls.length > 0);
    fixture.calls[0]?.call.end({ code: 9, details, metadata: { "x-proof": "1" } });
    ended.push(await new Promise<grpc.StatusObject>((resolve) => call.once("status", resolve)));
  }
  client.close();

  assert.equal(ended[1]?.code, 9);
  assert.equal(ended[1]?.details, details);
  assert.deepEqual(ended[1]?.metadata.get("x-proof"), ["1"]);
  assert.equal(ended[0]?.code, grpc.status.FAILED_PRECONDITION);
  assert.deepEqual(ended[0]?.metadata.get(NOT_STARTED_TRAILER), ["1"]);
  assert.equal(fixture.calls.length, 1, "a method was opened for a call without a message");
});

test("GrpcServer refuses what is not gRPC, what it does not know, and what is compressed", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using client = await rawSession(fixture.address);
  const bomb = message(gzipSync(Buffer.alloc(1_000_000)), { compressed: true });

  const requests = {
    get: client.request({ ":method": "GET" }),
    json: client.request({ "content-type": "application/json" }),
    web: client.request({ "content-type": "application/grpc-web" }),
    unknown: client.request({ ":path": "/test.Service/other" }),
    gzip: client.request({ "grpc-encoding": "gzip" }),
    flagged: client.request(),
  };
  requests.gzip.stream.write(bomb);
  requests.flagged.stream.write(bomb);
  const answers = await Promise.all(Object.values(requests).map(({ over }) => over));

  assert.deepEqual(
    answers.map((answer) => [answer[":status"], answer["grpc-status"]]),
    [
      [405, undefined],
      [415, undefined],
      [415, undefined],
      [200, "12"],
      [200, "12"],
      [200, "12"],
    ],
  );
  assert.equal(answers[4]?.["grpc-accept-encoding"], "identity");
  assert.equal(fixture.calls.length, 0, "a method was opened for one of them");
});

test("GrpcServer takes no message beyond its limit, and none that is cut off", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using client = await rawSession(fixture.address);

  const long = client.request();
  long.stream.write(message(Buffer.alloc(MAX_MESSAGE_BYTES + 1)));
  const cut = client.request();
  cut.stream.end(message(Buffer.alloc(10)).subarray(0, 9));
  const [tooLong, cutOff] = await Promise.all([long.over, cut.over]);

  assert.equal(tooLong["grpc-status"], "8");
  assert.match(String(tooLong["grpc-message"]), /100001 bytes.*100000/);
  assert.equal(cutOff["grpc-status"], "3");
  assert.equal(fixture.calls.length, 0);
});

test("GrpcServer holds unfinished messages within its budget, and takes those that get finished", async () => {
  await using _leaks = leakCheck();
  const memory = new MemoryBudget({ limitBytes: 1_000_000, objectWeight: 1 });
  await using fixture = await serve({ memory });
  const clients = await Promise.all(Array.from({ length: 12 }, () => rawSession(fixture.address)));
  const whole = message(Buffer.alloc(90_000));
  let most = 0;

  const requests = clients.map((client) => client.request());
  for (const { stream } of requests) stream.write(whole.subarray(0, 80_000));
  await eventually(() => memory.full);
  const watch = setInterval(() => {
    most = Math.max(most, memory.heldBytes);
  }, 1);
  for (const { stream } of requests) stream.end(whole.subarray(80_000));
  const answers = await Promise.all(requests.map(({ over }) => over));
  clearInterval(watch);
  for (const client of clients) await client[Symbol.asyncDispose]();

  assert.deepEqual(new Set(answers.map((answer) => answer["grpc-status"])), new Set(["0"]));
  // What is set aside for one message may go beyond.
  assert.ok(most <= 1_000_000 + whole.length, `${most} bytes were held`);
  await eventually(() => memory.heldBytes === 0);
});

test("GrpcServer leaves so many calls of a connection unread and no more, since each may have a window of its own", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ unreadCalls: () => 2 });
  await using client = await rawSession(fixture.address);
  await using other = await rawSession(fixture.address);
  const begin = async ({
    request,
  }: RawSession): Promise<{ readonly call: ServerCall; readonly answer: Answer }> => {
    const before = fixture.calls.length;
    const answer = request();
    answer.stream.write(message(Buffer.alloc(3)));
    await eventually(() => fixture.calls.length > before);
    return { call: (fixture.calls[before] as Served).call, answer };
  };

  const [first, second, third] = [await begin(client), await begin(client), await begin(client)];
  for (const { call } of [first, second, third]) call.pause();
  const refused = await third.answer.over;
  first.call.resume();
  const fourth = await begin(client);
  fourth.call.pause();
  const elsewhere = await begin(other);
  elsewhere.call.pause();
  for (const { call, answer } of [first, second, fourth, elsewhere]) {
    call.resume();
    answer.stream.end();
  }
  const answers = await Promise.all([first, second, fourth, elsewhere].map(({ answer }) => answer.over));

  assert.equal(refused["grpc-status"], "8");
  assert.match(String(refused["grpc-message"]), /wait to be read/);
  assert.deepEqual(
    answers.map((answer) => answer["grpc-status"]),
    ["0", "0", "0", "0"],
  );
});

test("GrpcServer tells nobody of a stream before its first message, and ends one that stays silent", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ streams: new StreamGuard({ maxStreams: 100, greetingMs: 100 }) });
  await using client = await rawSession(fixture.address);

  const silent = client.request();
  const talking = client.request();
  talking.stream.write(message(Buffer.alloc(3)));
  const answer = await silent.over;

  assert.equal(answer["grpc-status"], "4");
  assert.deepEqual(
    fixture.calls.map(({ events }) => events),
    [["message 3"]],
  );
});

test("GrpcServer refuses streams beyond its limit, over all connections, and takes others when some have ended", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ streams: new StreamGuard({ maxStreams: 2, greetingMs: 60_000 }) });
  await using first = await rawSession(fixture.address);
  await using second = await rawSession(fixture.address);
  const [one] = [first.request(), first.request()];
  one.stream.write(message(Buffer.alloc(1)));
  await eventually(() => fixture.calls.length === 1);

  const refused = second.request();
  await refused.over;
  one.stream.end();
  await one.over;
  const taken = second.request();
  taken.stream.end(message(Buffer.alloc(1)));

  assert.equal(refused.stream.rstCode, constants.NGHTTP2_REFUSED_STREAM);
  assert.equal((await taken.over)["grpc-status"], "0");
});

test("GrpcServer ends a call when its caller's deadline has passed", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using client = await rawSession(fixture.address);

  const call = client.request({ "grpc-timeout": "50m" });
  call.stream.write(message(Buffer.alloc(1)));
  const answer = await call.over;
  await eventually(() => fixture.calls[0]?.events.at(-1) === "closed");

  assert.equal(answer["grpc-status"], "4");
});

test("GrpcServer tells a method once that its caller has gone, and not that it has half-closed", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  const reset = await rawSession(fixture.address);
  const gone = await rawSession(fixture.address);
  const calls = [reset.request(), gone.request()];
  for (const { stream } of calls) stream.write(message(Buffer.alloc(1)));
  await eventually(() => fixture.calls.length === 2);

  calls[0]?.stream.close(constants.NGHTTP2_CANCEL);
  gone.session.destroy();
  await eventually(() => fixture.calls.every(({ events }) => events.includes("closed")));
  await reset[Symbol.asyncDispose]();

  // Node's client half-closes a stream before it resets it.
  assert.deepEqual(
    fixture.calls[0]?.events.filter((event) => event !== "half-closed"),
    ["message 1", "closed"],
  );
  assert.deepEqual(fixture.calls[1]?.events, ["message 1", "closed"]);
});

test("GrpcServer says when a caller that does not read has read again", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using client = await rawSession(fixture.address);
  const { stream } = client.request();
  stream.pause();
  for (let sent = 0; sent < 5; sent++) stream.write(message(Buffer.alloc(90_000)));
  const events = (): readonly string[] => fixture.calls[0]?.events ?? [];
  const drains = (): number => events().filter((event) => event === "drain").length;
  // The first messages may still find room with the client's own window.
  await eventually(
    () =>
      events().filter((event) => event === "message 90000").length === 5 &&
      events().lastIndexOf("full") > events().lastIndexOf("drain"),
  );
  const before = drains();

  stream.resume();
  await eventually(() => drains() > before);
});

test("GrpcServer refuses connections beyond its limit with the reason, and takes others when some have ended", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ maxConnections: 1 });
  const first = await GrpcChannel.connect(parseGrpcAddress(fixture.address));

  const second = await GrpcChannel.connect(parseGrpcAddress(fixture.address)).catch(
    (error: unknown) => error,
  );
  if (second instanceof GrpcChannel) await second.closed;
  const why = second instanceof GrpcChannel ? second.error : (second as Error);
  first.destroy();
  await first.closed;
  // A caller that says goodbye gives its place back then, and not when it has been without a call for long.
  await eventually(
    async () => {
      const channel = await GrpcChannel.connect(parseGrpcAddress(fixture.address));
      const { usable } = channel;
      channel.destroy();
      await channel.closed;
      return usable;
    },
    { withinMs: 8_000 },
  );

  assert.match(String(why?.message), /refuses the connection: this worker already has 1 connections/);
});

test("GrpcServer ends connections without a call, new ones and old ones, and no others", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ greetingMs: 200, idleMs: 100 });
  await using silent = await rawSession(fixture.address);
  await using busy = await rawSession(fixture.address);
  const held = busy.request();
  held.stream.write(message(Buffer.alloc(1)));

  await eventually(() => silent.session.closed);
  const whileBusy = busy.session.closed;
  held.stream.end();
  await eventually(() => busy.session.closed);

  assert.equal(whileBusy, false);
});

test("GrpcServer ends the connection of a caller that begins calls for nothing in a flood, and takes no new one of it", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using flooding = await rawSession(fixture.address);
  await once(flooding.session, "remoteSettings");
  const codes: number[] = [];
  flooding.session.on("goaway", (code) => codes.push(code));
  for (let sent = 0; sent < 40; sent++) flooding.request().stream.end();
  await eventually(() => flooding.session.destroyed);

  await using again = await rawSession(fixture.address);
  await eventually(() => again.session.destroyed);

  assert.deepEqual(codes, [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  assert.match(String(again.goAway), /begun too many calls/);
});

test("GrpcServer does not count calls for nothing that were answered before their caller took them back", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  await using client = await rawSession(fixture.address);
  await once(client.session, "remoteSettings");

  for (let call = 0; call < 40; call++) {
    const { stream } = client.request();
    stream.write(message(Buffer.alloc(1)));
    await once(stream, "response");
    stream.close(8); // CANCEL
    await once(stream, "close");
  }
  const { stream, over } = client.request();
  stream.end(message(Buffer.alloc(1)));

  assert.equal((await over)["grpc-status"], "0");
});

test("GrpcServer lets calls under way end when it closes, and cuts them off when their time is over", async () => {
  await using _leaks = leakCheck();
  for (const graceMs of [60_000, 100]) {
    await using fixture = await serve();
    await using client = await rawSession(fixture.address);
    const { stream, over } = client.request();
    stream.write(message(Buffer.alloc(1)));
    await eventually(() => fixture.calls.length === 1);

    const closed = fixture.server.close(graceMs);
    await eventually(() => client.session.closed);
    const { closed: cut } = stream;
    if (graceMs > 1_000) stream.end();
    const answer = await over;
    await closed;

    assert.equal(cut, false);
    assert.equal(answer["grpc-status"], graceMs > 1_000 ? "0" : undefined);
  }
});

test("GrpcServer outlives a connection that it has closed and the other side has not, and ends it as one without an answer", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ keepaliveTimeMs: 50, keepaliveTimeoutMs: 100 });
  const halfClosed = createConnection({
    host: "127.0.0.1",
    port: fixture.server.port,
    allowHalfOpen: true,
  });
  halfClosed.write(GREETING);
  halfClosed.resume();
  halfClosed.on("error", () => {});
  await once(halfClosed, "connect");

  const closed = fixture.server.close(60_000);
  await once(halfClosed, "end");
  await closed;
  halfClosed.destroy();
});

test("GrpcServer ends a connection whose other side does not answer its probes", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve({ keepaliveTimeMs: 50, keepaliveTimeoutMs: 100 });
  await using alive = await rawSession(fixture.address);
  const { stream } = alive.request();
  stream.write(message(Buffer.alloc(1)));
  const frozen = createConnection({ host: "127.0.0.1", port: fixture.server.port });
  frozen.write(GREETING); // nothing is answered from then on
  frozen.resume();
  frozen.on("error", () => {});

  await once(frozen, "close");
  const { destroyed } = alive.session;

  assert.equal(destroyed, false);
});

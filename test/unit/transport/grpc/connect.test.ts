/** Sessions over real gRPC connections: what ends them, and with which error. The contract suite has the rest. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { CARRIER_HEADROOM, type Carrier } from "../../../../src/session/carrier.ts";
import { DEFAULT_LIMITS } from "../../../../src/session/limits.ts";
import { parseGrpcAddress } from "../../../../src/transport/grpc/address.ts";
import { GrpcChannel } from "../../../../src/transport/grpc/channel.ts";
import { connectGrpc } from "../../../../src/transport/grpc/connect.ts";
import { eventually } from "../../../support/eventually.ts";
import { holdThread } from "../../../support/hold-thread.ts";
import { leakCheck } from "../../../support/leak-check.ts";
import { ROOT } from "../../../support/repository.ts";
import { runNode } from "../../../support/run-node.ts";
import { serveGrpc } from "../../../support/serve-grpc.ts";
import { TYPESCRIPT_FLAGS } from "../../../support/typescript-flags.ts";

interface Seen {
  readonly batches: string[];
  drains: number;
  readonly ends: Array<Error | undefined>;
}

function watch(carrier: Carrier): Seen {
  const seen: Seen = { batches: [], drains: 0, ends: [] };
  carrier.events = {
    batch: (bytes, start, end) =>
      seen.batches.push(Buffer.from(bytes.subarray(start, end)).toString("latin1")),
    drain: () => {
      seen.drains += 1;
    },
    closed: (error) => seen.ends.push(error),
  };
  return seen;
}

function batch(content: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.alloc(CARRIER_HEADROOM), Buffer.from(content as Uint8Array)]);
}

async function endOf(seen: Seen): Promise<Error | undefined> {
  await eventually(() => seen.ends.length > 0, { withinMs: 10_000 });
  assert.equal(seen.ends.length, 1);
  return seen.ends[0];
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

interface Listening extends AsyncDisposable {
  readonly address: string;
  readonly sockets: Socket[];
}

/** Any server that is not gRPC's. */
async function listen(server: Server): Promise<Listening> {
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    address: `127.0.0.1:${address.port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Passes bytes between its clients and `target` until it is frozen. */
async function relay(target: string): Promise<Listening & { freeze(): void; breakOff(): void }> {
  const { connect } = await import("node:net");
  const port = Number(target.split(":")[1]);
  const pairs: Array<readonly [Socket, Socket]> = [];
  const listening = await listen(
    createServer((near) => {
      const far = connect({ host: "127.0.0.1", port });
      far.on("error", () => {});
      near.pipe(far);
      far.pipe(near);
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
      pairs.push([near, far]);
    }),
  );
  return {
    address: listening.address,
    sockets: listening.sockets,
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    breakOff() {
      for (const [near] of pairs) near.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      await listening[Symbol.asyncDispose]();
    },
  };
}

test("connectGrpc refuses with HandshakeError where nobody listens", async () => {
  await using _leaks = leakCheck();
  const free = await listen(createServer());
  await free[Symbol.asyncDispose]();

  await assert.rejects(connectGrpc(free.address), { code: "ERR_MERINO_HANDSHAKE" });
  await assert.rejects(connectGrpc(free.address.replace("127.0.0.1", "localhost")), {
    code: "ERR_MERINO_HANDSHAKE",
    message: /ECONNREFUSED/,
  });
  await assert.rejects(connectGrpc("unix:/nonexistent/socket"), { code: "ERR_MERINO_HANDSHAKE" });
});

test("connectGrpc refuses an address that is none", async () => {
  await assert.rejects(connectGrpc("nowhere"), { code: "ERR_MERINO_INVALID_OPTION" });
});

test("connectGrpc gives up on a server that says nothing, and hangs up", async () => {
  await using _leaks = leakCheck();
  await using silent = await listen(createServer((socket) => socket.resume()));

  await assert.rejects(connectGrpc(silent.address, { timeoutMs: 100 }), { code: "ERR_MERINO_HANDSHAKE" });

  await eventually(() => silent.sockets.length === 1 && silent.sockets[0]?.destroyed);
});

test("connectGrpc refuses with HandshakeError a server that hangs up or speaks something else", async () => {
  await using _leaks = leakCheck();
  await using hangsUp = await listen(createServer((socket) => socket.destroy()));
  await using garbage = await listen(createServer((socket) => socket.end(Buffer.alloc(1_000, "garbage"))));
  await using http = await listen(createHttpServer((_request, response) => response.end("hello")));

  for (const { address } of [hangsUp, garbage, http]) {
    await assert.rejects(connectGrpc(address, { timeoutMs: 2_000 }), { code: "ERR_MERINO_HANDSHAKE" });
  }
});

test("GrpcCarrier ends with HandshakeError on a server that does not serve sessions", async () => {
  await using _leaks = leakCheck();
  const { createServer: createHttp2Server } = await import("node:http2");
  const answers: Array<Record<string, string | number>> = [
    { ":status": 404 },
    { ":status": 200, "content-type": "text/html" },
    {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": "12",
      "grpc-message": "unknown%20method",
    },
  ];

  for (const answer of answers) {
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      const endStream = "grpc-status" in answer;
      stream.respond(answer, { endStream });
      if (!endStream) stream.end("<html>".repeat(10));
    });
    await using listening = await listen(server);
    const seen = watch(await connectGrpc(listening.address));

    assert.equal(codeOf(await endOf(seen)), "ERR_MERINO_HANDSHAKE");
    assert.deepEqual(seen.batches, []);
  }
});

test("GrpcCarrier ends with VersionError where the server refuses the version", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc({
    session: (stream) => stream.emit("error", { code: 9, details: "this worker is of version '9.1.0'" }),
  });
  const seen = watch(await connectGrpc(served.address));

  const error = await endOf(seen);

  assert.equal(codeOf(error), "ERR_MERINO_VERSION");
  assert.equal((error as { remote?: unknown }).remote, "9.1.0");
});

test("GrpcCarrier ends with a plain error when an open session is reset, cut off or ended with a status", async () => {
  await using _leaks = leakCheck();
  const endings = ["reset", "status", "cut", "broken"] as const;

  for (const ending of endings) {
    await using served = await serveGrpc();
    await using between = await relay(served.address);
    const seen = watch(await connectGrpc(between.address));
    const stream = await served.next();
    stream.write(Buffer.from("greeting"));
    await eventually(() => seen.batches.length === 1);

    if (ending === "reset") stream.emit("error", { code: 13, details: "Received RST_STREAM" });
    else if (ending === "status") stream.emit("error", { code: 14, details: "draining" });
    else if (ending === "cut") served.cut();
    else between.breakOff();
    const error = await endOf(seen);

    assert.ok(error instanceof Error, ending);
    assert.equal(error.name, "Error", ending);
  }
});

test("GrpcCarrier ends with a plain error when the stream is reset by HTTP/2, with every code", async () => {
  await using _leaks = leakCheck();
  const { createServer: createHttp2Server } = await import("node:http2");
  let rstCode = 0;
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]), () => stream.close(rstCode));
  });
  await using listening = await listen(server);

  for (rstCode = 0; rstCode <= 13; rstCode++) {
    const seen = watch(await connectGrpc(listening.address));

    const error = await endOf(seen);

    assert.deepEqual(seen.batches, ["hi"]);
    assert.equal(error?.name, "Error", `code ${rstCode}`);
  }
});

test("GrpcCarrier ends with ProtocolError on a batch beyond the limit, before it has come", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const seen = watch(await connectGrpc(served.address));
  const stream = await served.next();

  stream.write(Buffer.from("before"));
  stream.write(Buffer.alloc(DEFAULT_LIMITS.maxBatch + 1));
  const error = await endOf(seen);

  assert.equal(codeOf(error), "ERR_MERINO_PROTOCOL");
  assert.deepEqual(seen.batches, ["before"]);
  await eventually(() => stream.cancelled);
});

test("GrpcCarrier takes a batch of exactly the limit", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const seen = watch(await connectGrpc(served.address));
  const stream = await served.next();

  stream.write(Buffer.alloc(DEFAULT_LIMITS.maxBatch, 1));
  await eventually(() => seen.batches.length === 1, { withinMs: 10_000 });
  stream.end();
  await endOf(seen);

  assert.equal(seen.batches[0]?.length, DEFAULT_LIMITS.maxBatch);
});

test("GrpcCarrier ends when its peer leaves probes unanswered", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  await using between = await relay(served.address);
  const settings = { keepaliveTime: 50, keepaliveTimeout: 200 };
  const seen = watch(await connectGrpc(between.address, { settings }));
  const stream = await served.next();
  stream.write(Buffer.from("greeting"));
  await eventually(() => seen.batches.length === 1);

  between.freeze();
  const error = await endOf(seen);

  assert.equal(error?.name, "Error");
});

test("GrpcChannel ends when its peer announces its end and does not close, as one that leaves probes unanswered", async () => {
  await using _leaks = leakCheck();
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const goAway = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  await using peer = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.write(settings);
      socket.resume();
    }),
  );
  const channel = await GrpcChannel.connect(parseGrpcAddress(peer.address), {
    keepaliveTimeMs: 20,
    keepaliveTimeoutMs: 100,
  });

  peer.sockets[0]?.write(goAway);
  let closed = false;
  void channel.closed.then(() => {
    closed = true;
  });
  await eventually(() => closed, { withinMs: 10_000 });

  assert.equal(channel.usable, false);
});

test("GrpcCarrier stays while its own loop is blocked for longer than an answer to a probe may take", async () => {
  await using _leaks = leakCheck();
  // Answers in a thread of its own, as a worker does.
  const server = new Worker(
    `const { createServer } = require("node:http2");
     const { parentPort } = require("node:worker_threads");
     const server = createServer().on("stream", (stream) => {
       stream.on("error", () => {});
       stream.respond({ ":status": 200, "content-type": "application/grpc" });
       stream.write(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]));
     });
     server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const [port] = await once(server, "message");
  const settings = { keepaliveTime: 20, keepaliveTimeout: 100 };
  const carrier = await connectGrpc(`127.0.0.1:${port}`, { settings });
  const seen = watch(carrier);
  await eventually(() => seen.batches.length === 1);

  for (let turn = 0; turn < 8; turn++) {
    holdThread(150);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  carrier.close();

  assert.equal(await endOf(seen), undefined);
  await server.terminate();
});

test("GrpcCarrier stays while its peer answers probes", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const carrier = await connectGrpc(served.address, {
    settings: { keepaliveTime: 1, keepaliveTimeout: 5_000 },
  });
  const seen = watch(carrier);
  const stream = await served.next();

  // Each round trip leaves time for several probes.
  for (let round = 0; round < 50; round++) {
    stream.write(Buffer.from(`${round}`));
    await eventually(() => seen.batches.length === round + 1, { everyMs: 1 });
  }
  carrier.close();

  assert.equal(await endOf(seen), undefined);
});

test("GrpcCarrier holds back for a peer that does not read, and its close ends all the same", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const carrier = await connectGrpc(served.address);
  const seen = watch(carrier);
  const stream = await served.next();
  stream.pause();

  let sent = 0;
  while (carrier.send(batch(Buffer.alloc(50_000))) && sent < 1_000) sent += 1;
  carrier.close();
  await endOf(seen);

  assert.ok(sent < 1_000);
});

test("GrpcCarrier goes on while its server shuts down, to which no new session can be opened", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const carrier = await connectGrpc(served.address);
  const seen = watch(carrier);
  const stream = await served.next();
  stream.on("data", (message: Buffer) => stream.write(message));
  stream.on("end", () => stream.end());
  carrier.send(batch("before"));
  await eventually(() => seen.batches.length === 1);

  const down = served.shutDown();
  carrier.send(batch("meanwhile"));
  await eventually(() => seen.batches.length === 2);
  await assert.rejects(connectGrpc(served.address), { code: "ERR_MERINO_HANDSHAKE" });
  carrier.close();
  await down;

  assert.equal(await endOf(seen), undefined);
  assert.deepEqual(seen.batches, ["before", "meanwhile"]);
});

test("GrpcCarrier sends the parts of a batch as one message", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const carrier = await connectGrpc(served.address);
  const seen = watch(carrier);
  const stream = await served.next();
  const received: number[] = [];
  stream.on("data", (message: Buffer) => received.push(message.length));

  carrier.send(batch(""));
  carrier.send(batch("head"), Buffer.from("tail"));
  carrier.send(batch(Buffer.alloc(70_000)), Buffer.alloc(1_000_000));
  await eventually(() => received.length === 3);
  carrier.destroy();
  await endOf(seen);

  assert.deepEqual(received, [0, 8, 1_070_000]);
});

test("GrpcCarrier does not keep the process alive, and connecting loads no gRPC library", async () => {
  await using _leaks = leakCheck();
  await using served = await serveGrpc();
  const sourceOf = (file: string): string => pathToFileURL(`${ROOT}/src/${file}`).href;
  const program = `
    import { createRequire } from "node:module";
    import { connectGrpc } from ${JSON.stringify(sourceOf("transport/grpc/connect.ts"))};
    import { keepAlive, letExit } from ${JSON.stringify(sourceOf("internal/keep-alive.ts"))};
    keepAlive();
    const carrier = await connectGrpc(${JSON.stringify(served.address)});
    carrier.events = { batch() {}, drain() {}, closed() {} };
    carrier.send(Buffer.from("....hello"));
    letExit();
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes("grpc-js"));
    console.log(JSON.stringify(loaded));
  `;

  const run = await runNode([...TYPESCRIPT_FLAGS, "--input-type=module", "--eval", program], {
    cwd: ROOT,
  });

  assert.deepEqual(run, { exitCode: 0, stdout: "[]\n", stderr: "" });
});

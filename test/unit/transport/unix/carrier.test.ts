/** The carrier over real sockets: how the byte stream is cut into batches, and how a connection ends. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { MAX_SOCKET_PATH_BYTES } from "../../../../src/internal/socket-path-limit.ts";
import { CARRIER_HEADROOM, type Carrier } from "../../../../src/session/carrier.ts";
import type { Printed } from "../../../../src/transport/output/printed.ts";
import { connectUnix } from "../../../../src/transport/unix/connect.ts";
import { listenUnix, type UnixListener } from "../../../../src/transport/unix/listen.ts";
import { eventually } from "../../../support/eventually.ts";
import { type LeakCheck, leakCheck } from "../../../support/leak-check.ts";

const MAX_BATCH = 100_000;

/** What one end has been told. */
interface Seen {
  readonly carrier: Carrier;
  readonly batches: string[];
  /** Bytes of all batches. */
  bytes: number;
  drains: number;
  readonly ends: Array<Error | undefined>;
}

function watch(carrier: Carrier): Seen {
  const seen: Seen = { carrier, batches: [], bytes: 0, drains: 0, ends: [] };
  carrier.events = {
    batch(bytes, start, end) {
      seen.bytes += end - start;
      const content = Buffer.from(bytes.subarray(start, end));
      seen.batches.push(content.length < 100 ? content.toString() : digest(content));
    },
    drain() {
      seen.drains += 1;
    },
    closed(error) {
      seen.ends.push(error);
    },
  };
  return seen;
}

function digest(content: Uint8Array): string {
  return createHash("sha1").update(content).digest("hex");
}

/** A batch as carriers take it. */
function batch(content: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.alloc(CARRIER_HEADROOM), Buffer.from(content)]);
}

/** A batch as it is on the socket. */
function framed(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

interface Served extends AsyncDisposable {
  readonly path: string;
  readonly accepted: Seen[];
  /** The end of the newest connection, once it is there. */
  next(): Promise<Seen>;
}

async function serve(leaks: LeakCheck, name = "s", printed?: Printed): Promise<Served> {
  const path = join(leaks.runtimeRoot, name);
  const accepted: Seen[] = [];
  const listener: UnixListener = await listenUnix(path, { maxBatchBytes: MAX_BATCH, printed }, (carrier) => {
    accepted.push(watch(carrier));
  });
  let taken = 0;
  return {
    path,
    accepted,
    async next() {
      await eventually(() => accepted.length > taken);
      taken += 1;
      return accepted[taken - 1] as Seen; // waited for
    },
    async [Symbol.asyncDispose]() {
      for (const { carrier } of accepted) carrier.destroy();
      await listener.close();
    },
  };
}

async function connectRaw(path: string): Promise<Socket> {
  const socket = createConnection({ path, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Writes and waits until the system has the bytes. */
function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

test("UnixCarrier puts batches together that arrive cut at any byte", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const expected = ["first", "", "second and longer", "x"];
  const stream = Buffer.concat(expected.map(framed));

  for (let at = 1; at < stream.length; at++) {
    const socket = await connectRaw(served.path);
    const seen = await served.next();
    await write(socket, stream.subarray(0, at));
    // What must have arrived with the first piece has arrived: the pieces are two.
    let whole = 0;
    for (let end = 0; whole < expected.length; whole++) {
      end += framed(expected[whole] ?? "").length;
      if (end > at) break;
    }
    await eventually(() => seen.batches.length === whole, { everyMs: 0 });
    await write(socket, stream.subarray(at));
    await eventually(() => seen.batches.length === expected.length, { everyMs: 0 });
    socket.destroy();

    assert.deepEqual(seen.batches, expected, `cut at ${at}`);
  }
});

test("UnixCarrier puts batches together that arrive byte by byte", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();

  for (const byte of Buffer.concat([framed("one"), framed(""), framed("three")])) {
    await write(socket, Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => seen.batches.length === 3);
  socket.destroy();

  assert.deepEqual(seen.batches, ["one", "", "three"]);
});

test("UnixCarrier tells batches apart that arrive in one piece", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();
  const expected = Array.from({ length: 2_000 }, (_, at) => "b".repeat(at % 90));

  await write(socket, Buffer.concat(expected.map(framed)));
  await eventually(() => seen.batches.length === expected.length);
  socket.destroy();

  assert.deepEqual(seen.batches, expected);
});

test("UnixCarrier sends a batch and its tail as one batch", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  const large = Buffer.alloc(90_000, "large");

  client.carrier.send(batch("head "), Buffer.from("tail"));
  client.carrier.send(batch(large.subarray(0, 10)), large.subarray(10));
  client.carrier.send(batch(""));
  await eventually(() => server.batches.length === 3);
  server.carrier.send(batch("answer"));
  await eventually(() => client.batches.length === 1);
  client.carrier.close();
  await eventually(() => client.ends.length > 0 && server.ends.length > 0);

  assert.deepEqual(server.batches, ["head tail", digest(large), ""]);
  assert.deepEqual(client.batches, ["answer"]);
  assert.deepEqual([client.ends, server.ends], [[undefined], [undefined]]);
});

/** The rest of large batches as an end has asked for it: read to memory of its own. */
interface Filled {
  readonly beginnings: number[];
  readonly rests: Uint8Array[];
}

/** Has the rest of every large batch read apart from its beginning, if `takes` says so. */
function takeRests(seen: Seen, takes = true): Filled {
  const filled: Filled = { beginnings: [], rests: [] };
  let room = new Uint8Array(0);
  const { events } = seen.carrier;
  if (events === undefined) return filled;
  events.begun = (_bytes, start, end, batchEnd) => {
    filled.beginnings.push(end - start);
    if (!takes) return undefined;
    room = new Uint8Array(batchEnd - end);
    return room;
  };
  events.filled = () => filled.rests.push(room);
  return filled;
}

test("UnixCarrier reads the rest of a large batch to where it is told, at either end", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  const ends = [client, server].map((seen) => takeRests(seen));
  const content = Buffer.from(Array.from({ length: MAX_BATCH }, (_, at) => at % 251));

  for (const { carrier } of [client, server]) {
    carrier.send(batch("before"));
    for (let count = 0; count < 5; count++)
      carrier.send(batch(content.subarray(0, 10)), content.subarray(10));
    carrier.send(batch("behind"));
  }
  await eventually(() => client.batches.length >= 2 && server.batches.length >= 2);

  for (const [at, seen] of [client, server].entries()) {
    const { beginnings, rests } = ends[at] as Filled;
    // One that has come whole by the time that it is read is handed out whole.
    const whole = seen.batches.filter((text) => text === digest(content)).length;
    assert.deepEqual([seen.batches[0], seen.batches.at(-1)], ["before", "behind"]);
    assert.equal(whole + rests.length, 5);
    assert.ok(rests.length > 0);
    rests.forEach((rest, index) => {
      assert.deepEqual(Buffer.from(rest), content.subarray(beginnings[index]));
    });
  }
  client.carrier.destroy();
});

test("UnixCarrier hands out a large batch as a whole to who gives no memory for its rest", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  const { beginnings } = takeRests(server, false);
  const content = Buffer.alloc(MAX_BATCH, "large");

  client.carrier.send(batch(content));
  await eventually(() => server.batches.length === 1);

  assert.ok(beginnings.length > 0);
  assert.deepEqual(server.batches, [digest(content)]);
  client.carrier.destroy();
});

test("UnixCarrier ends a connection whose peer announces a batch beyond the limit", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const lengths = [MAX_BATCH + 1, 0x7fff_ffff, 0xffff_ffff];

  for (const length of lengths) {
    for (const cut of [1, 4]) {
      const socket = await connectRaw(served.path);
      const seen = await served.next();
      const head = Buffer.alloc(4);
      head.writeUInt32LE(length);
      await write(socket, Buffer.concat([framed("before"), head.subarray(0, cut)]));
      await eventually(() => seen.batches.length === 1);
      if (cut < 4) await write(socket, head.subarray(cut));
      await eventually(() => seen.ends.length > 0);
      socket.destroy();

      const [error] = seen.ends;
      assert.equal(error instanceof Error && "code" in error && error.code, "ERR_MERINO_PROTOCOL");
      assert.deepEqual(seen.batches, ["before"]);
    }
  }
});

test("UnixCarrier takes a batch of exactly the limit", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();
  const content = Buffer.alloc(MAX_BATCH, "full");

  await write(socket, framed(content));
  await eventually(() => seen.batches.length === 1);
  socket.destroy();

  assert.deepEqual(seen.batches, [digest(content)]);
});

test("UnixCarrier ends with its peer's half-close, after what was sent before it", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();
  const closed = once(socket, "close");

  socket.resume();
  socket.end(Buffer.concat([framed("last words"), framed("cut off").subarray(0, 6)]));
  await eventually(() => seen.ends.length > 0);
  await closed;

  assert.deepEqual(seen.batches, ["last words"]);
  assert.deepEqual(seen.ends, [undefined]);
});

test("UnixCarrier ends with a half-closed peer that reads nothing of what is written to it", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();
  socket.pause();
  while (seen.carrier.send(batch(Buffer.alloc(50_000))));

  socket.end();
  await eventually(() => seen.ends.length > 0);
  socket.destroy();

  assert.equal(seen.ends.length, 1);
});

test("UnixCarrier ends once, with the error given to destroy", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  const reason = new Error("no longer wanted");

  client.carrier.destroy(reason);
  client.carrier.destroy(new Error("again"));
  client.carrier.close();
  await eventually(() => client.ends.length > 0 && server.ends.length > 0);

  assert.deepEqual(client.ends, [reason]);
  assert.equal(server.ends.length, 1);
});

test("UnixCarrier close lets what was sent arrive first, however much it is", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  const content = Buffer.alloc(MAX_BATCH, 7);

  for (let count = 0; count < 50; count++) client.carrier.send(batch(content));
  client.carrier.close();
  await eventually(() => client.ends.length > 0 && server.ends.length > 0);

  assert.equal(server.batches.length, 50);
  assert.equal(client.ends.length, 1);
});

test("UnixCarrier close ends although the peer reads nothing", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const seen = await served.next();
  socket.pause();
  while (seen.carrier.send(batch(Buffer.alloc(50_000))));

  seen.carrier.close();
  await eventually(() => seen.ends.length > 0, { withinMs: 10_000 });
  socket.destroy();

  assert.equal(seen.ends.length, 1);
});

test("UnixCarrier says when the peer is behind, and when there is room again", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  await served.next();
  const raw = await connectRaw(served.path);
  const server = await served.next();
  raw.pause();

  let sent = 0;
  for (let more = true; more; sent++) more = server.carrier.send(batch(Buffer.alloc(50_000)));
  const drainsBefore = server.drains;
  raw.resume();
  await eventually(() => server.drains > 0);
  raw.destroy();
  client.carrier.destroy();

  assert.ok(sent >= 1 && sent < 1_000);
  assert.equal(drainsBefore, 0);
});

test("UnixCarrier bears a peer that has vanished while it writes", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const raw = await connectRaw(served.path);
  const seen = await served.next();
  raw.destroy();

  // Until the end has been noticed the system answers with EPIPE or ECONNRESET.
  const bytes = Buffer.alloc(50_000);
  await eventually(() => {
    seen.carrier.send(batch(bytes));
    return seen.ends.length > 0;
  });
  seen.carrier.send(batch("after the end"));

  assert.equal(seen.ends.length, 1);
});

test("connectUnix refuses with HandshakeError where nobody listens", async () => {
  await using leaks = leakCheck();

  await assert.rejects(connectUnix(join(leaks.runtimeRoot, "nobody"), { maxBatchBytes: MAX_BATCH }), {
    code: "ERR_MERINO_HANDSHAKE",
  });
});

test("listenUnix serves a path of 103 bytes, which only its owner may open, and removes it", async () => {
  await using leaks = leakCheck();
  const name = "n".repeat(MAX_SOCKET_PATH_BYTES - Buffer.byteLength(join(leaks.runtimeRoot, "")) - 1);
  const served = await serve(leaks, name);
  const mode = statSync(served.path).mode & 0o777;

  const client = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const server = await served.next();
  client.carrier.send(batch("hello"));
  await eventually(() => server.batches.length === 1);
  client.carrier.close();
  await eventually(() => server.ends.length > 0);
  await served[Symbol.asyncDispose]();

  assert.equal(Buffer.byteLength(served.path), 103);
  assert.equal(mode, 0o600);
  assert.equal(existsSync(served.path), false);
});

test("listenUnix and connectUnix refuse a path of 104 bytes", async () => {
  const path = `/tmp/${"ü".repeat(49)}x`;

  assert.equal(Buffer.byteLength(path), 104);
  const refusal = { code: "ERR_MERINO_INVALID_OPTION" };
  await assert.rejects(async () => listenUnix(path, { maxBatchBytes: MAX_BATCH }, () => {}), refusal);
  await assert.rejects(async () => connectUnix(path, { maxBatchBytes: MAX_BATCH }), refusal);
});

/** A thread that connects and reads nothing until it is let, then tells how much of what it has read. */
const SLOW_READER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const hash = require("node:crypto").createHash("sha1");
  const socket = require("node:net").connect(workerData.path, () => {
    parentPort.postMessage("connected");
    Atomics.wait(new Int32Array(workerData.gate), 0, 0);
    socket.on("data", (bytes) => hash.update(bytes));
    socket.on("close", () => parentPort.postMessage(hash.digest("hex")));
  });
`;

test("UnixCarrier still sends what the system had not taken, once, when the process ends", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const gate = new SharedArrayBuffer(4);
  const reader = new Worker(SLOW_READER, { eval: true, workerData: { path: served.path, gate } });
  const exited = once(reader, "exit");
  await once(reader, "message");
  const { carrier } = await served.next();
  const stream = createHash("sha1");
  const send = (fill: number, tail?: Uint8Array): boolean => {
    const content = Buffer.alloc(30_000, fill);
    stream.update(framed(tail === undefined ? content : Buffer.concat([content, tail])));
    return carrier.send(batch(content), tail);
  };

  let sent = 0;
  while (send(sent)) sent += 1;
  for (let more = 0; more < 20; more += 1) send(100 + more, Buffer.alloc(more * 1_000, more));
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  const left = carrier.sendBeforeExit?.(performance.now() + 60_000);
  send(200); // as the rest of a large message does
  const restLeft = carrier.sendBeforeExit?.(performance.now() + 60_000);
  carrier.destroy();
  const [digested] = await once(reader, "message");
  await exited;

  assert.deepEqual([left, restLeft], [true, true]);
  assert.equal(digested, stream.digest("hex"));
});

test("UnixCarrier gives up at the end of the process on a peer that does not read", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const { carrier } = await served.next();
  const before = carrier.sendBeforeExit?.(performance.now());

  while (carrier.send(batch(Buffer.alloc(30_000))));
  const left = carrier.sendBeforeExit?.(performance.now() + 5);
  socket.destroy();

  assert.equal(before, true);
  assert.equal(left, false);
});

test("UnixCarrier goes on as ever when a peer reads slowly, and closes after that", async () => {
  await using leaks = leakCheck();
  await using served = await serve(leaks);
  const socket = await connectRaw(served.path);
  const { carrier } = await served.next();
  let bytes = 0;
  let sent = 0;

  for (; sent < 100; sent += 1) carrier.send(batch(Buffer.alloc(30_000)));
  carrier.close();
  socket.on("data", (data) => {
    bytes += data.length;
  });
  await once(socket, "end");
  socket.destroy();

  assert.equal(bytes, sent * 30_004);
});

/** What a worker prints, as a test says. */
class FakePrinted implements Printed {
  used = false;
  bytes = 0;
  readonly #waiting: (() => void)[] = [];
  #left = 0;

  get isWritten(): boolean {
    return this.#left === 0;
  }

  /** @param taken Whether the pipe takes it at once. */
  print(bytes: number, taken = true): void {
    this.used = true;
    this.bytes += bytes;
    if (!taken) this.#left += bytes;
  }

  /** The pipe has taken everything. */
  take(): void {
    this.#left = 0;
    for (const written of this.#waiting.splice(0)) written();
  }

  whenWritten(written: () => void): void {
    this.#waiting.push(written);
  }
}

/** Output that this process passes on, as a test says. */
function passing(): {
  readonly forwarded: () => Promise<void>;
  pass(): Promise<void>;
  readonly waiting: number;
} {
  const waiting: (() => void)[] = [];
  return {
    forwarded: () => new Promise<void>((resolve) => waiting.push(resolve)),
    get waiting() {
      return waiting.length;
    },
    async pass() {
      await eventually(() => waiting.length > 0);
      waiting.shift()?.();
    },
  };
}

test("UnixCarrier has what follows printed output wait until that is passed on, and nothing else", async () => {
  await using leaks = leakCheck();
  const printed = new FakePrinted();
  await using served = await serve(leaks, "s", printed);
  const output = passing();
  const caller = watch(
    await connectUnix(served.path, { maxBatchBytes: MAX_BATCH, forwarded: output.forwarded }),
  );
  const { carrier: worker } = await served.next();

  worker.send(batch("before"));
  await eventually(() => caller.batches.length === 1);
  printed.print(5);
  worker.send(batch("after"));
  worker.send(batch("later"));
  printed.print(5);
  worker.send(batch("last"));
  worker.close();
  await eventually(() => output.waiting === 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(caller.batches, ["before"]);
  await output.pass();
  await eventually(() => caller.batches.length === 3);
  assert.deepEqual(caller.ends, []);
  await output.pass();
  await eventually(() => caller.ends.length === 1);

  assert.deepEqual(caller.batches, ["before", "after", "later", "last"]);
  assert.equal(output.waiting, 0);
});

test("UnixCarrier ends with what the session throws at a batch that had to wait", async () => {
  await using leaks = leakCheck();
  const printed = new FakePrinted();
  await using served = await serve(leaks, "s", printed);
  const output = passing();
  const carrier = await connectUnix(served.path, { maxBatchBytes: MAX_BATCH, forwarded: output.forwarded });
  const caller = watch(carrier);
  const fault = new TypeError("no such field");
  const { events } = carrier;
  assert.ok(events);
  carrier.events = {
    ...events,
    batch() {
      throw fault;
    },
  };
  const { carrier: worker } = await served.next();

  printed.print(1);
  worker.send(batch("one"));
  await output.pass();
  await eventually(() => caller.ends.length === 1);

  assert.deepEqual(caller.ends, [fault]);
});

test("UnixCarrier sends no answer before the pipes have taken what was printed", async () => {
  await using leaks = leakCheck();
  const printed = new FakePrinted();
  await using served = await serve(leaks, "s", printed);
  const output = passing();
  const caller = watch(
    await connectUnix(served.path, { maxBatchBytes: MAX_BATCH, forwarded: output.forwarded }),
  );
  const { carrier: worker, ...seen } = await served.next();

  printed.print(1_000, false);
  assert.equal(worker.send(batch("one")), false, "bulk waits");
  worker.send(batch("t"), Buffer.from("wo"));
  worker.close();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(output.waiting, 0, "nothing has come");
  printed.take();
  await output.pass();
  await eventually(() => caller.ends.length === 1);

  assert.deepEqual(caller.batches, ["one", "two"]);
  assert.deepEqual(seen.batches, []);
});

test("UnixCarrier announces printed output to callers that do not pass it on as nothing but an empty batch", async () => {
  await using leaks = leakCheck();
  const printed = new FakePrinted();
  await using served = await serve(leaks, "s", printed);
  const caller = watch(await connectUnix(served.path, { maxBatchBytes: MAX_BATCH }));
  const { carrier: worker } = await served.next();

  worker.send(batch("one"));
  printed.print(5);
  worker.send(batch("two"));
  await eventually(() => caller.batches.length === 3);

  assert.deepEqual(caller.batches, ["one", "", "two"]);
  caller.carrier.destroy();
});

test("UnixCarrier says when what it was given has left, also behind output, and at its end", async () => {
  await using leaks = leakCheck();
  const printed = new FakePrinted();
  await using served = await serve(leaks, "s", printed);
  const reader = createConnection(served.path);
  reader.pause();
  const { carrier } = await served.next();
  const told: string[] = [];

  carrier.whenWritten?.(() => told.push("nothing"));
  printed.print(10, false);
  carrier.send(batch("behind"));
  carrier.whenWritten?.(() => told.push("output"));
  const before = [...told];
  printed.take();
  await eventually(() => told.length === 2);
  while (carrier.send(batch(Buffer.alloc(90_000))));
  carrier.whenWritten?.(() => told.push("much"));
  const unread = [...told];
  reader.resume();
  await eventually(() => told.length === 3);
  reader.pause();
  while (carrier.send(batch(Buffer.alloc(90_000))));
  carrier.whenWritten?.(() => told.push("end"));
  reader.destroy();
  await eventually(() => told.length === 4);

  assert.deepEqual(before, ["nothing"]);
  assert.deepEqual(unread, ["nothing", "output"]);
  assert.deepEqual(told, ["nothing", "output", "much", "end"]);
});

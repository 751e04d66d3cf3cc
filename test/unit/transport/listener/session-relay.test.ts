import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import type { GrpcServerStream } from "../../../../src/transport/listener/listen.ts";
import { createPortMemory, PortCarrier } from "../../../../src/transport/listener/port-carrier.ts";
import { relaySession } from "../../../../src/transport/listener/session-relay.ts";
import { eventually } from "../../../support/eventually.ts";

const MAX_BATCH_BYTES = 1_000_000;

/** A gRPC stream whose client the test plays. */
class ClientsStream extends EventEmitter {
  readonly written: Uint8Array[] = [];
  /** How it ended: `"ok"`, or the status' code. */
  readonly ends: ("ok" | number)[] = [];
  reading = true;
  /** Whether it takes more. */
  takesMore = true;

  constructor() {
    super();
    this.on("error", (status: { readonly code: number }) => this.ends.push(status.code));
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(bytes);
    return this.takesMore;
  }

  pause(): void {
    this.reading = false;
  }

  resume(): void {
    this.reading = true;
  }

  end(): void {
    this.ends.push("ok");
  }

  /** The client has sent a message. */
  sends(bytes: number): void {
    this.emit("data", Buffer.alloc(bytes));
  }

  /** The client has read everything. */
  reads(): void {
    this.takesMore = true;
    this.emit("drain");
  }
}

interface Relayed extends AsyncDisposable {
  readonly stream: ClientsStream;
  /** The end of the thread that serves the session. */
  readonly server: PortCarrier;
  readonly received: Uint8Array[];
  readonly state: { drains: number; closed: boolean };
}

function relayed(): Relayed {
  const { port1, port2 } = new MessageChannel();
  const options = { memory: createPortMemory(), local: false, description: "test", windowBytes: 10_000 };
  const stream = new ClientsStream();
  const server = new PortCarrier(port2, { ...options, side: 1 });
  const received: Uint8Array[] = [];
  const state = { drains: 0, closed: false };
  server.events = {
    batch: (bytes) => received.push(bytes),
    drain: () => {
      state.drains += 1;
    },
    closed: () => {
      state.closed = true;
    },
  };
  relaySession(stream as unknown as GrpcServerStream, new PortCarrier(port1, { ...options, side: 0 }), {
    maxBatchBytes: MAX_BATCH_BYTES,
  });
  return {
    stream,
    server,
    received,
    state,
    async [Symbol.asyncDispose]() {
      server.destroy();
      await eventually(() => state.closed);
    },
  };
}

function send(server: PortCarrier, batches: number, bytes = 10): void {
  for (let sent = 0; sent < batches; sent++) server.send(new Uint8Array(CARRIER_HEADROOM + bytes));
}

test("relaySession passes batches on, both ways", async () => {
  await using relay = relayed();

  relay.stream.sends(7);
  send(relay.server, 1, 9);
  await eventually(() => relay.received.length === 1 && relay.stream.written.length === 1);

  assert.deepEqual([relay.received[0]?.length, relay.stream.written[0]?.length], [7, 9]);
});

test("relaySession reads no more from a client while its session's thread takes no more", async () => {
  await using relay = relayed();

  relay.stream.sends(20_000);
  const reading = relay.stream.reading;
  await eventually(() => relay.stream.reading);

  assert.equal(reading, false);
  assert.equal(relay.received.length, 1);
});

test("relaySession gives the session no window back while the client does not read", async () => {
  await using relay = relayed();
  relay.stream.takesMore = false;

  send(relay.server, 3, 5_000);
  await eventually(() => relay.stream.written.length === 3);
  const before = relay.state.drains;
  relay.stream.reads();
  await eventually(() => relay.state.drains === 1);

  assert.equal(before, 0);
});

test("relaySession reads no more from a client that leaves hundreds of batches unread, until it has read them", async () => {
  await using relay = relayed();
  relay.stream.takesMore = false;

  send(relay.server, 200);
  await eventually(() => relay.stream.written.length === 200);
  const afterSome = relay.stream.reading;
  send(relay.server, 200);
  await eventually(() => relay.stream.written.length === 400);
  const afterMany = relay.stream.reading;
  relay.stream.reads();

  assert.deepEqual([afterSome, afterMany, relay.stream.reading], [true, false, true]);
});

test("relaySession ends the stream with the session, and the session with the stream", async () => {
  await using first = relayed();
  await using second = relayed();
  await using third = relayed();

  first.server.close();
  second.stream.emit("end");
  third.stream.emit("close");
  await eventually(() => second.state.closed && third.state.closed && first.stream.ends.length > 0);
  await eventually(() => second.stream.ends.length > 0);

  assert.deepEqual([first.stream.ends, second.stream.ends, third.stream.ends], [["ok"], ["ok"], []]);
});

test("relaySession refuses a batch beyond the limit, and ends the session", async () => {
  await using relay = relayed();

  relay.stream.sends(MAX_BATCH_BYTES + 1);
  relay.stream.sends(1);
  await eventually(() => relay.state.closed);

  assert.deepEqual(relay.stream.ends, [8]);
  assert.equal(relay.received.length, 0);
});

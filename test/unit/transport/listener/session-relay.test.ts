import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { UNKNOWN_PEER } from "../../../../src/credentials/peers/peer.ts";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import type { CallStatus } from "../../../../src/transport/listener/server-call.ts";
import { relaySession, type SessionRelay } from "../../../../src/transport/listener/session-relay.ts";
import { createPortMemory, PortCarrier } from "../../../../src/transport/thread/port-carrier.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import { framesOf } from "../../../support/memory-pair.ts";

/** A gRPC call whose client the test plays. */
class ClientsCall {
  readonly written: Uint8Array[] = [];
  /** How it ended: `"ok"`, or the status' code. */
  readonly ends: ("ok" | number)[] = [];
  reading = true;
  /** Whether anything waited for the serving thread, each time it was said. */
  readonly backlogs: boolean[] = [];
  /** Whether it takes more. */
  takesMore = true;
  /** What the relay wants to be told. */
  events: SessionRelay | undefined;

  send(bytes: Uint8Array): boolean {
    this.written.push(bytes);
    return this.takesMore;
  }

  pause(): void {
    this.reading = false;
  }

  resume(): void {
    this.reading = true;
  }

  end(status?: CallStatus): void {
    if (this.ends.length === 0) this.ends.push(status?.code ?? "ok");
  }

  setBacklog(bytes: number): void {
    this.backlogs.push(bytes > 0);
  }

  /** The client has sent a message. */
  sends(bytes: number): void {
    this.events?.message(Buffer.alloc(bytes), 0, bytes);
  }

  /** The client has read everything. */
  reads(): void {
    this.takesMore = true;
    this.events?.drain();
  }
}

interface Relayed extends AsyncDisposable {
  readonly stream: ClientsCall;
  /** The end of the thread that serves the session. */
  readonly server: PortCarrier;
  readonly received: Uint8Array[];
  readonly state: { drains: number; closed: boolean };
}

function relayed(): Relayed {
  const { port1, port2 } = new MessageChannel();
  const options = {
    memory: createPortMemory(),
    peer: UNKNOWN_PEER,
    description: "test",
    windowBytes: 10_000,
  };
  const stream = new ClientsCall();
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
  stream.events = relaySession(stream, new PortCarrier(port1, { ...options, side: 0 }));
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
  assert.deepEqual(relay.stream.backlogs, [true, false]);
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
  second.stream.events?.halfClosed();
  third.stream.events?.closed();
  await eventually(() => second.state.closed && third.state.closed && first.stream.ends.length > 0);
  await eventually(() => second.stream.ends.length > 0);

  assert.deepEqual([first.stream.ends, second.stream.ends], [["ok"], ["ok"]]);
});

test("relaySession tells a client that the worker is to end, and of no task that it has not run", async () => {
  await using session = relayed();
  session.stream.events?.announceEnd();
  assert.deepEqual(session.stream.written, []); // before the greeting nothing may be sent

  send(session.server, 1);
  await eventually(() => session.stream.written.length === 1);
  session.stream.events?.announceEnd();

  const [frame, ...others] = framesOf(session.stream.written.slice(1));
  assert.deepEqual([frame?.kind, frame?.code, others], [FrameKind.GoAway, NackCode.DRAINING, []]);
  const reader = new BatchReader();
  const [, batch = new Uint8Array(0)] = session.stream.written;
  reader.reset(batch, 0, batch.length);
  assert.ok(reader.next());
  assert.deepEqual([reader.goAway().lastStream, reader.goAway().unasked], [0xffff_ffff, undefined]);
  assert.deepEqual(session.stream.ends, []);
});

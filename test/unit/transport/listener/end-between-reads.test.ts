/** What makes Node end a connection while it reads, with calls behind it in the same packet. On some versions of Node this ended the process. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { test } from "node:test";
import { MemoryBudget } from "../../../../src/session/memory/memory-budget.ts";
import { ConnectionGuard } from "../../../../src/transport/listener/connection-guard.ts";
import { GrpcServer } from "../../../../src/transport/listener/server.ts";
import { StreamGuard } from "../../../../src/transport/listener/stream-guard.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  callFrames,
  ENDINGS,
  FrameType,
  frame,
  goAway,
  PREFACE,
} from "../../../support/hostile/http2-frames.ts";
import { leakCheck } from "../../../support/leak-check.ts";

const PATH = "/test.Service/echo";
const GREETING = Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]);

interface Fixture extends AsyncDisposable {
  readonly guard: ConnectionGuard;
  readonly streams: StreamGuard;
  /** How many calls have begun, and how many have ended. */
  readonly calls: { begun: number; ended: number };
  connect(): Promise<Socket>;
}

/** A server whose one method answers nothing. */
async function serve(): Promise<Fixture> {
  const calls = { begun: 0, ended: 0 };
  const guard = new ConnectionGuard({
    maxConnections: 8,
    maxPerAddress: 8,
    wastedBurst: 100,
    wastedPerSecond: 1,
  });
  const streams = new StreamGuard({ maxStreams: 100, greetingMs: 60_000 });
  const server = await GrpcServer.listen(
    { host: "127.0.0.1", port: 0 },
    {
      methods: new Map([
        [
          PATH,
          {
            maxMessageBytes: 100,
            open() {
              calls.begun += 1;
              return {
                message() {},
                drain() {},
                halfClosed() {},
                closed() {
                  calls.ended += 1;
                },
              };
            },
          },
        ],
      ]),
      streams,
      memory: new MemoryBudget({ limitBytes: 1_000_000, objectWeight: 1 }),
      guard,
      maxStreams: 50,
      windowBytes: () => 64 * 1024,
      unreadCalls: () => 8,
      keepaliveTimeMs: 60_000,
      keepaliveTimeoutMs: 60_000,
      greetingMs: 60_000,
      idleMs: 60_000,
    },
  );
  return {
    guard,
    streams,
    calls,
    async connect() {
      const socket = createConnection({ host: "127.0.0.1", port: server.port });
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      return socket;
    },
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

for (const [what, ending] of Object.entries(ENDINGS)) {
  for (const packets of ["in one packet", "in a packet of its own"]) {
    test(`ServerConnection takes the rest of what it reads behind ${what}, ${packets}, and leaves nothing`, async () => {
      await using _leaks = leakCheck();
      await using fixture = await serve();
      const socket = await fixture.connect();
      const first = Buffer.concat([GREETING, callFrames(1, PATH)]);
      const second = Buffer.concat([ending, callFrames(3, PATH), callFrames(5, PATH)]);

      if (packets === "in one packet") socket.write(Buffer.concat([first, second]));
      else {
        socket.write(first);
        await eventually(() => fixture.calls.begun === 1);
        socket.write(second);
      }

      await eventually(() => fixture.calls.begun === 3);
      if (what === "a GOAWAY in good order") socket.destroy();
      await eventually(() => fixture.guard.open === 0);
      await eventually(() => fixture.streams.open === 0);
      assert.deepEqual(fixture.calls, { begun: 3, ended: 3 });
      socket.destroy();
    });
  }
}

test("ServerConnection serves a caller that has said goodbye in good order, until the caller closes the connection", async () => {
  await using _leaks = leakCheck();
  await using fixture = await serve();
  const socket = await fixture.connect();

  socket.write(Buffer.concat([GREETING, goAway(0), callFrames(1, PATH)]));
  await eventually(() => fixture.calls.begun === 1);
  socket.write(callFrames(3, PATH));
  await eventually(() => fixture.calls.begun === 2);

  assert.equal(fixture.guard.open, 1);
  socket.end();
  await eventually(() => fixture.guard.open === 0);
  assert.equal(fixture.calls.ended, 2);
});

/** What a worker does for a client that does not read: it stops making answers, and nothing else stops. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { batchOf, type Connected, connect, helloWith } from "../../support/protocol-peers.ts";

const KIB = 1024;
const NETWORK = { local: false };

/** Long enough for everything that is due to have happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** Asks for so many steps at once, as callers of ours never do. */
function askAhead({ carriers }: Connected, stream: number, steps: number): void {
  carriers.client.inject(
    batchOf((writer) => {
      for (let step = 0; step < steps; step++) writer.next(stream);
    }),
  );
}

function counting(): {
  readonly made: () => number;
  readonly ended: () => number;
  readonly bodies: Record<string, () => unknown>;
} {
  let made = 0;
  let ended = 0;
  const bodies = {
    values: function* () {
      try {
        for (;;) {
          made += 1;
          yield "x".repeat(KIB);
        }
      } finally {
        ended += 1;
      }
    },
    value: () => {
      made += 1;
      return "x".repeat(KIB);
    },
  };
  return { made: () => made, ended: () => ended, bodies };
}

test("GeneratorExecution takes no step while its client takes no answers, and goes on when there is room", async () => {
  const { made, bodies } = counting();
  await using pair = await connect(bodies, NETWORK);
  const { carriers, client } = pair;
  const call = client.call("values", [], { generator: true, awaitsAck: true });
  await eventually(() => call.acks === 1);
  carriers.server.congested = true;

  askAhead(pair, call.stream, 500);
  await eventually(() => made() > 0);
  await settle();
  const whileFull = made();
  carriers.server.congested = false;
  await eventually(() => call.values.length === 500);

  assert.ok(whileFull < 500, `${whileFull} values for a client that takes none`);
  assert.equal(made(), 500);
});

test("Execution starts no body whose result its client's window has no room for", async () => {
  const { made, bodies } = counting();
  const clientHello = helloWith({ limits: { connectionWindow: 16 * KIB } });
  await using pair = await connect(bodies, { ...NETWORK, clientHello });
  const { carriers, client } = pair;
  carriers.server.pause(); // the client returns nothing of what it has not received

  const calls = Array.from({ length: 100 }, () => client.call("value"));
  await eventually(() => made() >= 15);
  await settle();
  const whileFull = made();
  carriers.server.resume();
  const values = await Promise.all(calls.map((call) => call.value()));

  assert.ok(whileFull <= 17, `${whileFull} results of 1 KiB in a window of 16`);
  assert.equal(values.length, 100);
  assert.equal(made(), 100);
});

test("Execution of a client on this host is never deferred", async () => {
  const { made, bodies } = counting();
  await using pair = await connect(bodies);
  pair.carriers.server.congested = true;

  for (let call = 0; call < 20; call++) pair.client.call("value");

  await eventually(() => made() === 20);
  pair.carriers.server.congested = false;
});

test("GeneratorExecution that is deferred is closed at once when its call is cancelled", async () => {
  const { made, ended, bodies } = counting();
  await using pair = await connect(bodies, NETWORK);
  const { carriers, client } = pair;
  const call = client.call("values", [], { generator: true, awaitsAck: true });
  await eventually(() => call.acks === 1);
  carriers.server.congested = true;
  askAhead(pair, call.stream, 100);
  await eventually(() => made() > 0);
  await settle();
  const before = made();

  client.session.cancel(call.stream, { bytes: new Uint8Array(0), start: 0, end: 0, parts: [] });
  const outcome = await call.outcome;
  carriers.server.congested = false;
  await settle();

  assert.equal(outcome.kind, "exception");
  assert.equal(ended(), 1);
  assert.equal(made(), before, "nothing was made for a call that is over");
  assert.equal(pair.worker.tasks.inFlight, 0);
});

test("Execution that is deferred is over when its connection ends", async () => {
  const { made, bodies } = counting();
  await using pair = await connect(bodies, NETWORK);
  const { carriers, client, worker } = pair;
  carriers.server.congested = true;
  const calls = Array.from({ length: 5 }, () => client.call("value"));
  await eventually(() => worker.tasks.inFlight === 5);
  await settle();
  const before = made();

  carriers.server.cut();
  await settle();

  for (const call of calls) assert.equal((await call.outcome).kind, "lost");
  assert.equal(worker.tasks.inFlight, 0);
  assert.equal(made(), before);
});

test("GeneratorExecution ends a stream whose client asks for steps without end", async () => {
  await using pair = await connect(
    {
      wait: async function* () {
        yield await new Promise(() => {});
      },
    },
    NETWORK,
  );
  const call = pair.client.call("wait", [], { generator: true });
  await eventually(() => pair.worker.starts === 1);

  for (let batch = 0; batch < 7; batch++) askAhead(pair, call.stream, 10_000);
  const outcome = await call.outcome;

  assert.equal(outcome.kind, "failed");
  assert.equal(pair.worker.tasks.inFlight, 0);
  assert.deepEqual(
    framesOf(pair.carriers.server.sent).filter(
      ({ stream, kind }) => stream === call.stream && kind === FrameKind.Reset,
    ).length,
    1,
  );
});

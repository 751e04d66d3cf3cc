/** What a peer says about itself ends up in errors, explanations and logs: of long texts the beginning is read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { memoryPair } from "../../support/memory-pair.ts";
import { batchOf, connect, helloWith, TestClient } from "../../support/protocol-peers.ts";

const LONG = "x".repeat(1_000_000);
/** Room for any explanation of ours. */
const BOUND = 10_000;

const GREETINGS = {
  "a version": helloWith({ version: `9.${LONG}` }),
  "a codec": helloWith({ codecs: [LONG] }),
  "many codecs": helloWith({ codecs: Array.from({ length: 50_000 }, (_, at) => `codec-${at}`) }),
};

for (const [what, hello] of Object.entries(GREETINGS)) {
  test(`ClientSession refuses a worker with ${what} of any length in few words`, async () => {
    const { client, server } = memoryPair();
    const caller = new TestClient(client);

    server.inject(batchOf((writer) => writer.hello(hello)));
    const error = await caller.closed;

    assert.ok(error !== undefined && error.message.length < BOUND, `${error?.message.length} characters`);
  });
}

test("ClientSession keeps no long name and no long list of a worker's", async () => {
  const { client, server } = memoryPair();
  const caller = new TestClient(client);
  const features = Array.from({ length: 100_000 }, (_, at) => at);

  server.inject(batchOf((writer) => writer.hello(helloWith({ uid: LONG, runtime: LONG, features }))));
  const hello = await caller.hello;

  assert.ok(hello.uid.length < 200 && hello.runtime.length < 200 && hello.features.length < 1_000);
  caller.session.connection.close();
});

test("ClientSession hands out explanations of a bounded length", async () => {
  await using pair = await connect({ wait: () => new Promise(() => {}) });
  const { client, carriers } = pair;
  const [refused, reset, accepted] = [client.call("wait"), client.call("wait"), client.call("wait")];
  await eventually(() => pair.worker.starts === 3);

  carriers.server.inject(
    batchOf((writer) => {
      writer.nack(refused.stream, { code: 1, reason: LONG, retryAfterMs: 0, version: LONG });
      writer.reset(reset.stream, 0, LONG);
      writer.ack(accepted.stream, LONG, LONG);
      writer.goAway({ lastStream: 0xffff_ffff, code: 0, detail: LONG, graceMs: 0 });
    }),
  );
  await eventually(() => client.goAways.length === 1);

  const [nack, failure] = [await refused.outcome, await reset.outcome];
  assert.ok(nack.kind === "refused" && nack.nack.reason.length < BOUND && nack.nack.version.length < 200);
  assert.ok(failure.kind === "failed" && failure.error.message.length < BOUND);
  // The worker's own Ack may have come as well; this one says more than a version ever does.
  assert.ok(accepted.workers.some(({ version }) => version.length > 100));
  assert.ok(accepted.workers.every(({ version, uid }) => version.length < 200 && uid.length < 200));
  assert.ok((client.goAways[0]?.detail.length ?? BOUND) < BOUND);
});

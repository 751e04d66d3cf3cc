/** Values that cost more to read than they are long: refused on a carrier that is not local, and only there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMerinoError } from "../../../src/errors/merino-error.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { rawClient } from "../../support/hostile/raw-peers.ts";
import { batchOf, connect, headOf, payloadOf, TestWorker } from "../../support/protocol-peers.ts";

const dear = (): unknown[] => Array.from({ length: 50_000 }, () => ({}));
const bodies = {
  count: (values: unknown[]) => values.length,
  make: dear,
  fail: () => Promise.reject(withField()),
};

function withField(): Error {
  return Object.assign(new Error("too much"), { values: dear() });
}

test("ClientSession refuses dear arguments on a network, with their path, before anything is sent", async () => {
  await using connected = await connect(bodies, { local: false });
  const sent = connected.carriers.client.sentBytes;

  assert.throws(() => connected.client.call("count", [dear()]), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: /^args\[0\]\[\d+\]$/,
  });

  assert.equal(connected.client.session.inFlight, 0);
  assert.equal(await connected.client.call("count", [[1]]).value(), 1);
  assert.ok(connected.carriers.client.sentBytes - sent < 1000);
});

test("a local carrier takes dear values both ways", async () => {
  await using connected = await connect(bodies);

  assert.equal(await connected.client.call("count", [dear()]).value(), 50_000);
  assert.equal(((await connected.client.call("make").value()) as unknown[]).length, 50_000);
});

test("IncomingTask refuses a dear result on a network, with its path, and shortens a dear error", async () => {
  await using connected = await connect(bodies, { local: false });

  const made = await connected.client.call("make").outcome;
  const failed = await connected.client.call("fail").outcome;

  assert.ok(made.kind === "exception" && isMerinoError(made.error));
  assert.equal(made.error.code, "ERR_MERINO_NOT_SERIALIZABLE");
  assert.match((made.error as unknown as { path: string }).path, /^result\[\d+\]$/);
  assert.ok(failed.kind === "exception");
  assert.equal((failed.error as Error).message, "Error: too much");
});

test("a worker refuses dear arguments of a client that does not ask itself, and keeps the connection", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker, { local: false });
  const payload = payloadOf([dear()]);

  client.inject(batchOf((writer) => writer.task(1, headOf({ callable: "count" }), payload)));
  await eventually(() => client.replies().length > 1);
  client.inject(batchOf((writer) => writer.task(3, headOf({ callable: "count" }), payloadOf([[1]]))));
  await eventually(() =>
    client.replies().some((frame) => frame.stream === 3 && frame.kind === FrameKind.Done),
  );

  const refusals = client.replies().filter((frame) => frame.stream === 1 && frame.kind === FrameKind.Nack);
  assert.deepEqual(
    refusals.map((frame) => frame.code),
    [NackCode.BAD_PAYLOAD],
  );
  assert.equal(worker.starts, 1);
  worker.tasks.stopAll();
});

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { type TracingChannel, tracingChannel } from "node:diagnostics_channel";
import { test } from "node:test";
import { OperationMessages } from "../../../src/telemetry/operation-messages.ts";

const PARTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;

/** What is published to a channel, in order. */
function follow(channel: TracingChannel): string[] {
  const seen: string[] = [];
  for (const part of PARTS) channel[part].subscribe(() => seen.push(part));
  return seen;
}

test("an operation tells of its end after its synchronous part", () => {
  const channel = tracingChannel("test:operation:later");
  const seen = follow(channel);
  const operation = new OperationMessages(channel, {});

  assert.equal(
    operation.begin(() => seen.push("fn")),
    2,
  );
  assert.deepEqual(seen, ["start", "fn", "end"]);
  operation.over(true);
  operation.over(false);

  assert.deepEqual(seen, ["start", "fn", "end", "error", "asyncStart", "asyncEnd"]);
});

test("one that is over within its synchronous part, or throws in it, tells so after it", () => {
  const channel = tracingChannel("test:operation:at-once");
  const seen = follow(channel);
  const operation = new OperationMessages(channel, {});

  assert.throws(() =>
    operation.begin(() => {
      operation.over(false);
      throw new Error("thrown");
    }),
  );

  assert.deepEqual(seen, ["start", "end", "asyncStart", "asyncEnd"]);
});

test("its synchronous part is run in the stores that are bound to its start", () => {
  const channel = tracingChannel("test:operation:stores");
  const storage = new AsyncLocalStorage<unknown>();
  const message = {};
  channel.start.bindStore(storage, (found) => found);

  const found = new OperationMessages(channel, message).begin(() => storage.getStore());

  assert.equal(found, message);
});

/** What a worker connection refuses before it opens anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerConnection } from "../../../src/client/worker-connection.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

function refusalOf(option: string): object {
  return { code: "ERR_MERINO_INVALID_OPTION", option };
}

test("WorkerConnection refuses an address or a record that is none", () => {
  assert.throws(() => new WorkerConnection("nowhere"), refusalOf("address"));
  assert.throws(() => new WorkerConnection("http://host:1"), refusalOf("address"));
  assert.throws(() => new WorkerConnection(workerMetadata({ uid: "" })), refusalOf("worker"));
  assert.throws(() => new WorkerConnection({} as never), refusalOf("worker"));
  assert.throws(() => new WorkerConnection(undefined as never), refusalOf("worker"));
});

test("WorkerConnection takes Infinity for no limit", async () => {
  await using _connection = new WorkerConnection("h:1", { timeout: Number.POSITIVE_INFINITY });
});

test("WorkerConnection refuses bad options by name", async () => {
  for (const timeout of [0, -1, Number.NaN, "5" as never]) {
    assert.throws(() => new WorkerConnection("h:1", { timeout }), refusalOf("timeout"));
  }
  assert.throws(() => new WorkerConnection("h:1", { retries: 3 } as never), refusalOf("retries"));
  await using connection = new WorkerConnection("h:1");
  for (const grace of [-1, Number.NaN, "5" as never]) {
    await assert.rejects(connection.stop({ grace }), refusalOf("grace"));
  }
  await assert.rejects(connection.stop({ force: true } as never), refusalOf("force"));
});

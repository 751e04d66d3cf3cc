/** How a generator is closed when nobody is left to read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { eventually } from "../../../support/eventually.ts";
import { connect } from "../../../support/protocol-peers.ts";

for (const [what, settle] of Object.entries({
  resolves: (yielded: { resolve(value: number): void }) => yielded.resolve(1),
  rejects: (yielded: { reject(error: unknown): void }) => yielded.reject(new Error("too late")),
})) {
  test(`GeneratorExecution closes a plain generator whose promise ${what} after its caller has gone`, async () => {
    const yielded = createDeferred<number>();
    let [started, closed] = [false, false];
    await using pair = await connect({
      *numbers() {
        try {
          started = true;
          yield yielded.promise;
        } finally {
          closed = true;
        }
      },
    });
    pair.client.call("numbers", [], { generator: true });
    await eventually(() => started);
    pair.client.session.connection.close();
    await eventually(() => pair.carriers.server.over);

    settle(yielded);

    await eventually(() => closed);
    assert.equal(pair.worker.tasks.inFlight, 0);
  });
}

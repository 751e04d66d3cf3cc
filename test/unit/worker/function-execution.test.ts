/** A function's body runs once, whatever else its caller asks for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { connect } from "../../support/protocol-peers.ts";

test("FunctionExecution runs its body once, whatever credit its caller sends", async () => {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await using pair = await connect({ wait: () => gate, add: () => 3 });
  const { client, worker } = pair;
  const call = client.call("wait", [], { credit: 4 });
  await eventually(() => worker.starts === 1);

  client.session.credit(call.stream, 1);
  await client.call("add").outcome;
  open();
  await call.outcome;

  assert.equal(worker.starts, 2);
  assert.deepEqual(
    call.outcomes.map(({ kind }) => kind),
    ["done"],
  );
});

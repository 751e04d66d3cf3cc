/** What is told of addresses without a worker, and how often. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressWarnings } from "../../../../src/discovery/addresses/warnings.ts";
import { ProtocolError } from "../../../../src/errors/protocol-error.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

/** Lets warnings arrive, which takes a turn. */
async function arrival(): Promise<void> {
  await new Promise(setImmediate);
}

test("AddressWarnings names an address once until it is settled, and eight of them at most", async () => {
  using warnings = useWarnings();
  const about = new AddressWarnings("jobs.test");

  for (let round = 3; round < 6; round++) {
    for (let n = 0; n < 20; n++) about.unserved(`10.0.0.${n}:1`, round, new Error("nobody answers"));
  }
  await arrival();
  assert.equal(warnings.messages.length, 8);
  assert.match(warnings.messages[0] ?? "", /'10\.0\.0\.0:1' of 'jobs\.test'.*nobody answers/);
  about.settled("10.0.0.0:1");
  about.unserved("10.0.0.0:1", 1, undefined);
  await arrival();

  assert.equal(warnings.messages.length, 9);
  assert.equal(warnings.codes[8], "MERINO_BAD_ADVERTISEMENT");
});

test("AddressWarnings waits for a third attempt where nobody answers, and for none where something else does", async () => {
  using warnings = useWarnings();
  const about = new AddressWarnings();

  about.unserved("10.0.0.1:1", 1, new Error("refused"));
  about.unserved("10.0.0.1:1", 2, new Error("refused"));
  about.unserved("10.0.0.2:1", 1, new ProtocolError("not a record"));
  await arrival();
  assert.deepEqual(warnings.codes, ["MERINO_BAD_ADVERTISEMENT"]);
  about.unserved("10.0.0.1:1", 3, new Error("refused"));
  await arrival();

  assert.deepEqual(warnings.codes, ["MERINO_BAD_ADVERTISEMENT", "MERINO_DISCOVERY"]);
  assert.match(warnings.messages[1] ?? "", /^No worker at '10\.0\.0\.1:1', trying again: refused$/);
});

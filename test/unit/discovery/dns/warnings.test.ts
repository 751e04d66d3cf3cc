/** What is told of a DNS name, and how often. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DnsFindings } from "../../../../src/discovery/dns/lookup.ts";
import { DnsWarnings } from "../../../../src/discovery/dns/warnings.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

function found(...addresses: readonly string[]): DnsFindings {
  return { addresses, failure: undefined, mayRemain: () => false };
}

const FAILED: DnsFindings = { addresses: [], failure: new Error("SERVFAIL"), mayRemain: () => true };

/** Lets warnings arrive, which takes a turn. */
async function arrival(): Promise<void> {
  await new Promise(setImmediate);
}

test("DnsWarnings tells of an outage once, and of the next one again", async () => {
  using warnings = useWarnings();
  const about = new DnsWarnings("jobs.test");

  for (const findings of [FAILED, FAILED, found("10.0.0.1:1"), FAILED, FAILED]) about.lookedUp(findings);
  await arrival();

  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY", "MERINO_DISCOVERY"]);
  for (const message of warnings.messages) assert.match(message, /'jobs\.test'.*SERVFAIL/);
});

test("DnsWarnings tells of a name without addresses only if the first answer has none", async () => {
  using warnings = useWarnings();
  const [never, later] = [new DnsWarnings("never.test"), new DnsWarnings("later.test")];

  for (const findings of [found(), found()]) never.lookedUp(findings);
  for (const findings of [found("10.0.0.1:1"), found()]) later.lookedUp(findings);
  await arrival();

  assert.equal(warnings.messages.length, 1);
  assert.match(warnings.messages[0] ?? "", /'never\.test'/);
});

test("DnsWarnings tells of too many addresses once, until there are few enough", async () => {
  using warnings = useWarnings();
  const about = new DnsWarnings("jobs.test");

  about.tooMany(4_096);
  about.tooMany(4_096);
  about.fewEnough();
  about.tooMany(4_096);
  await arrival();

  assert.equal(warnings.messages.length, 2);
});

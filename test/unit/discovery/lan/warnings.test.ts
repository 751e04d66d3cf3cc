/** Warnings that anybody on the network can bring about. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLanWarnings, type LanWarning } from "../../../../src/discovery/lan/warnings.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

function warning(about: string, detail?: string): LanWarning {
  const rest = detail === undefined ? {} : { detail };
  return { code: "MERINO_BAD_ADVERTISEMENT", about, text: `Ignoring ${about}`, ...rest };
}

test("createLanWarnings says a thing once a minute, with what differs of the first", async () => {
  using clock = useFakeClock();
  const said: string[] = [];
  const warn = createLanWarnings((_code, message) => said.push(message), clock);

  for (let number = 0; number < 100; number++) warn(warning("10.0.0.1", `the first is ${number}`));
  await clock.advance(60_000);
  warn(warning("10.0.0.1", "the first is 100"));

  assert.deepEqual(said, [
    "Ignoring 10.0.0.1 (the first is 0)",
    "Ignoring 10.0.0.1 (the first is 100); 99 more like this since the last",
  ]);
});

test("createLanWarnings says only so much a minute, however many there are to warn of", async () => {
  using clock = useFakeClock();
  const said: string[] = [];
  const warn = createLanWarnings((_code, message) => said.push(message), clock);

  for (let number = 0; number < 5_000; number++) warn(warning(`host ${number}`));
  assert.equal(said.length, 20);
  assert.match(said.at(-1) ?? "", /is not told/);

  await clock.advance(60_000);
  warn(warning("host 5000"));
  assert.equal(said.length, 21);
});

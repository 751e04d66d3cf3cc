/** The message of every error of ours is one line that hides nothing, whoever wrote the words in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCatalogue, shownMessage } from "../../../src/errors/merino-error.ts";
import { NoWorkersAvailableError } from "../../../src/errors/no-workers-available-error.ts";
import "../../../src/index.ts"; // which knows all classes
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";
import { WorkerStartError } from "../../../src/errors/worker-start-error.ts";
import { assertHarmless, assertHarmlessLine, HOSTILE_TEXT } from "../../support/hostile/text.ts";

/** What a routine throws is its own, as is what a module throws while it is imported. */
const OTHERS = ["RemoteError", "WorkerStartError"];

for (const [name, { errorClass }] of errorCatalogue()) {
  if (OTHERS.includes(name)) continue;
  test(`${name} has a message of one line`, () => {
    // Most constructors take a text first, some a second; details are objects, and one takes a list.
    const details = {
      value: HOSTILE_TEXT,
      expected: HOSTILE_TEXT,
      what: HOSTILE_TEXT,
      phase: "sent",
      timeout: 1,
      uid: HOSTILE_TEXT,
    };
    const parameters =
      name === "NoWorkersAvailableError"
        ? [[{ uid: HOSTILE_TEXT, reason: "filter", detail: HOSTILE_TEXT }]]
        : ["InvalidOptionError", "TimeoutError", "WorkerLostError"].includes(name)
          ? [HOSTILE_TEXT, details]
          : name === "CredentialsError"
            ? [details]
            : [HOSTILE_TEXT, HOSTILE_TEXT];
    const error = Reflect.construct(errorClass, parameters) as Error;

    assertHarmlessLine(error.message, name);
    assertHarmless(error.stack ?? "", `the stack of ${name}`);
    assert.ok(error.message.includes("\\u001b"), `the text is not in the message: ${error.message}`);
    assert.equal(shownMessage(errorClass, error.message), error.message);
  });
}

test("WorkerStartError keeps the lines of what a module has thrown, below its own", () => {
  const { message } = new WorkerStartError(`it failed: Transform failed:\nx.ts:1: ${HOSTILE_TEXT}`);

  assertHarmless(message, "the message");
  assert.match(message, /^Cannot start a worker: it failed: Transform failed:\n {4}x\.ts:1: /);
});

test("InvalidOptionError shows a value that holds invisible characters", () => {
  const { message } = new InvalidOptionError("host", { value: "a\u202eb", expected: "an address" });

  assert.equal(message, "Invalid option 'host': expected an address, got 'a\\u202eb'");
});

test("NoWorkersAvailableError names some of many workers, and says how many there are", () => {
  const reasons = Array.from({ length: 5_000 }, (_, at) => ({
    uid: `w${at}`,
    reason: "filter" as const,
    detail: "not accepted",
  }));
  const error = new NoWorkersAvailableError(reasons);

  assert.ok(error.message.length < 2_000);
  assert.match(error.message, /worker 'w0' filter \(not accepted\);.*; and 4984 more$/);
  assert.equal(error.reasons.length, 5_000);
});

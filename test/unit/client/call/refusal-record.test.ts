/** What becomes of a call that every worker has refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusalRecord, refusalError } from "../../../../src/client/call/refusal-record.ts";
import type { NoWorkersAvailableError } from "../../../../src/errors/no-workers-available-error.ts";
import type { VersionError } from "../../../../src/errors/version-error.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import type { Nack } from "../../../../src/wire/frames.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { version } from "../../../../src/wire/version.ts";

const DEFINITION: RoutineDefinition = {
  id: "a/b.ts#add",
  name: "add",
  module: undefined,
  kind: "function",
  body: () => undefined,
  declaredIn: undefined,
  timeoutMs: undefined,
  routine: {},
};

function nackOf(code: number, workerVersion = "3.0.0"): Nack {
  return { code, reason: "no", retryAfterMs: 0, version: workerVersion };
}

test("RefusalRecord makes a VersionError of both versions when the version was the only reason", () => {
  const refusals = new RefusalRecord();
  refusals.add("w1", nackOf(NackCode.VERSION, "2.0.0"));
  refusals.add("w2", nackOf(NackCode.VERSION, "3.0.0"));

  const error = refusals.toError(DEFINITION) as VersionError;

  assert.equal(error.code, "ERR_MERINO_VERSION");
  assert.deepEqual([error.local, error.remote], [version, "3.0.0"]);
  assert.equal((error.cause as NoWorkersAvailableError).reasons.length, 2);
});

for (const codes of [
  [NackCode.VERSION, NackCode.FULL],
  [NackCode.FULL, NackCode.VERSION],
  [NackCode.VERSION, NackCode.UNKNOWN_ROUTINE],
]) {
  test(`RefusalRecord lists every worker when the reasons are ${codes.join(" and ")}`, () => {
    const refusals = new RefusalRecord();
    codes.forEach((code, at) => {
      refusals.add(`w${at}`, nackOf(code));
    });

    const error = refusals.toError(DEFINITION) as NoWorkersAvailableError;

    assert.equal(error.code, "ERR_MERINO_NO_WORKERS");
    assert.deepEqual(
      error.reasons.map(({ uid }) => uid),
      ["w0", "w1"],
    );
  });
}

test("refusalError of a refusal for the version is a VersionError", () => {
  const error = refusalError(DEFINITION.id, nackOf(NackCode.VERSION, "2.0.0")) as VersionError;

  assert.deepEqual([error.code, error.remote], ["ERR_MERINO_VERSION", "2.0.0"]);
});

test("RefusalRecord fails with the error of the last import, and lists everybody where others have other reasons", () => {
  const refusals = new RefusalRecord();
  const cause = new TypeError("no database");
  refusals.add("w1", nackOf(NackCode.DRAINING));
  refusals.add("w2", nackOf(NackCode.UNKNOWN_ROUTINE));
  refusals.add("w3", nackOf(NackCode.IMPORT_FAILED), new Error("an earlier one"));
  refusals.add("w4", nackOf(NackCode.IMPORT_FAILED), cause);

  const error = refusals.toError(DEFINITION);
  refusals.add("w5", nackOf(NackCode.FULL));
  const mixed = refusals.toError(DEFINITION) as NoWorkersAvailableError;

  assert.deepEqual([(error as VersionError).code, error.cause], ["ERR_MERINO_ROUTINE_NOT_FOUND", cause]);
  assert.equal(error.message, "Cannot run 'a/b.ts#add': no");
  assert.deepEqual([mixed.code, mixed.cause, mixed.reasons.length], ["ERR_MERINO_NO_WORKERS", cause, 5]);
});

test("refusalError of a failed import has its error as the cause, where there is one", () => {
  const cause = new TypeError("no database");

  assert.equal(refusalError(DEFINITION.id, nackOf(NackCode.IMPORT_FAILED), cause).cause, cause);
  assert.equal("cause" in refusalError(DEFINITION.id, nackOf(NackCode.IMPORT_FAILED)), false);
});

test("RefusalRecord tells to move a declaration out of a function that has a name, and of no other", () => {
  const refusals = new RefusalRecord();
  refusals.add("w1", nackOf(NackCode.UNKNOWN_ROUTINE));
  const messageFor = (declaredIn: string | undefined): string =>
    refusals.toError({ ...DEFINITION, declaredIn }).message;

  assert.match(messageFor("setUp"), /inside the function 'setUp'.*move it to the top level/);
  // It may be one that a tool has put around the module.
  assert.match(messageFor("<anonymous>"), /inside a function without a name/);
  assert.doesNotMatch(messageFor("<anonymous>"), /move it/);
  assert.doesNotMatch(messageFor(undefined), /inside/);
});

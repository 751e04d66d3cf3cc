/** The codes of a Nack: their names, and which of them surface. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal as GeneratedRefusal } from "../../../../src/wire/gen/wire_pb.ts";
import { isFinalRefusal, NackCode, refusalName } from "../../../../src/wire/messages/nack-code.ts";

test("NackCode has the schema's names and numbers", () => {
  const generated = Object.entries(GeneratedRefusal).filter(([, code]) => typeof code === "number");

  assert.deepEqual(Object.entries(NackCode), generated);
});

test("refusalName names known codes and takes others for unspecified", () => {
  assert.equal(refusalName(NackCode.DRAINING), "DRAINING");
  assert.deepEqual([refusalName(0), refusalName(99), refusalName(-1)], new Array(3).fill("UNSPECIFIED"));
});

test("isFinalRefusal holds for the codes that every worker would give", () => {
  const final = Object.entries(NackCode).filter(([, code]) => isFinalRefusal(code));

  assert.deepEqual(
    final.map(([name]) => name),
    ["FORBIDDEN", "BAD_PAYLOAD", "TOO_LARGE", "EXPIRED", "HELD", "RESERVATION_LOST"],
  );
  assert.equal(isFinalRefusal(99), false);
});

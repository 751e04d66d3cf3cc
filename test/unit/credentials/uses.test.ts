import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEffective, assertUsable, type Side } from "../../../src/credentials/uses.ts";
import { type CertificateOptions, createAuthority } from "../../support/issue-certificate.ts";

const root = createAuthority();

test("assertUsable wants a certificate for the side that presents it", () => {
  const usable = (side: Side, usages: CertificateOptions["usages"], mutual = true): boolean => {
    try {
      assertUsable({ cert: root.issue({ usages }).cert, identities: [] }, { mutual }, side);
      return true;
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "usage");
      return false;
    }
  };

  assert.deepEqual([usable("worker", undefined), usable("caller", undefined)], [true, true]);
  assert.deepEqual([usable("worker", ["server"]), usable("caller", ["server"])], [true, false]);
  assert.deepEqual([usable("worker", ["client"]), usable("caller", ["client"])], [false, true]);
  assert.deepEqual([usable("worker", ["client"], false), usable("caller", ["server"], false)], [false, true]);
  assertUsable({ identities: [] }, { mutual: false }, "caller");
  assert.throws(() => assertUsable({ identities: [] }, { mutual: false }, "worker"), { reason: "usage" });
});

test("assertEffective refuses a worker that would judge callers who present nothing", () => {
  assertEffective({ policy: { mutual: true, peers: ["a"] } }, "worker");
  assertEffective({ policy: { mutual: false, peers: ["a"] } }, "caller");
  assertEffective({ policy: { mutual: false } }, "worker");
  for (const peers of [
    { policy: { mutual: false, peers: ["a"] } },
    { policy: { mutual: false }, judge: () => true },
  ]) {
    assert.throws(() => assertEffective(peers, "worker"), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "peers",
    });
  }
});

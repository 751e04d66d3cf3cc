import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertPassable,
  receiveTrust,
  renewableMaterial,
} from "../../../../src/credentials/material/renewable-material.ts";
import type { TrustMaterial } from "../../../../src/credentials/trust.ts";
import { WorkerCredentials } from "../../../../src/credentials/worker-credentials.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";

test("receiveTrust makes of plain data what it was, and follows its renewal", async () => {
  const { ca, cert, key } = createAuthority().issue({ dns: ["a.example"] });
  const own = WorkerCredentials.fromPem({ ca, cert, key, peers: "*.example" }).trust;
  const passed = structuredClone({ policy: own.policy, material: await own.current() });

  const trust = receiveTrust(passed);

  assert.deepEqual(trust.policy, own.policy);
  assert.deepEqual(await trust.current(), passed.material);
  assert.notEqual(trust.key, own.key);
  const seen: TrustMaterial[] = [];
  const next = { ...passed.material, key: "other" };
  using _following = trust.follow((material) => seen.push(material));
  trust.renew(passed.material); // nothing new
  trust.renew(next);
  assert.deepEqual(seen, [next]);
  assert.equal(await trust.current(), next);
});

test("renewableMaterial is refused from its end on, until it is renewed", async () => {
  let nowMs = 0;
  const source = renewableMaterial({ identities: ["a"], endsAtMs: 10 }, { date: () => nowMs });

  nowMs = 9;
  assert.ok(await source.current());
  nowMs = 10;
  await assert.rejects(source.current(), { code: "ERR_MERINO_CREDENTIALS", reason: "expired" });
  source.renew({ identities: ["a"], key: "new" });
  assert.ok(await source.current());
});

test("assertPassable refuses credentials with a function", () => {
  const { ca, cert, key } = createAuthority().issue();

  assertPassable(WorkerCredentials.fromPem({ ca, cert, key, peers: "a.example" }).trust);
  assert.throws(() => assertPassable(WorkerCredentials.fromPem({ ca, cert, key, peers: () => true }).trust), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "peers",
  });
});

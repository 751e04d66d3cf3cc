/** Names of services and their records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  instanceName,
  isHostName,
  serviceType,
  uidOfInstance,
} from "../../../../src/discovery/lan/service.ts";

test("serviceType is that of other implementations: six digits of the namespace's MD5", () => {
  assert.equal(serviceType("thumbs"), "_wool-750fab._tcp.local");
});

test("uidOfInstance reads what instanceName writes, with the service in any case and the uid in its own", () => {
  const service = serviceType("thumbs");

  assert.equal(uidOfInstance(instanceName("aB-1", service), service), "aB-1");
  assert.equal(uidOfInstance(`aB-1.${service.toUpperCase()}`, service), "aB-1");
});

test("uidOfInstance refuses names of other services and names without a uid", () => {
  const service = serviceType("thumbs");

  for (const name of [
    "",
    ".",
    service,
    `.${service}`,
    `a b.${service}`,
    `a.b.${service}`,
    "a._http._tcp.local",
  ]) {
    assert.equal(uidOfInstance(name, service), undefined, name);
  }
});

test("isHostName takes what DNS has a form for", () => {
  assert.deepEqual(
    ["a", "a.local", "gpu_1.example.org", "x".repeat(63)].filter((name) => !isHostName(name)),
    [],
  );
  assert.deepEqual(
    ["", ".", "a.", "a..b", "a b", "é", "a\0", "x".repeat(64), "a.".repeat(130)].filter(isHostName),
    [],
  );
});

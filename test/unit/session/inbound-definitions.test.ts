import assert from "node:assert/strict";
import { test } from "node:test";
import { InboundDefinitions } from "../../../src/session/inbound-definitions.ts";
import type { Define } from "../../../src/wire/frames.ts";
import { DefineKind } from "../../../src/wire/messages/define-kind.ts";

const PROTOCOL = { code: "ERR_MERINO_PROTOCOL" };
const MIB = 1024 * 1024;

function define(index: number, fields: Partial<Define> = {}): Define {
  return { kind: DefineKind.Routine, index, value: Uint8Array.of(index & 0xff), location: "", ...fields };
}

test("InboundDefinitions finds what was defined under its kind and index, and nothing else", () => {
  const definitions = new InboundDefinitions(10);
  const routine = define(3);
  const proxy = define(3, { kind: DefineKind.Proxy });
  definitions.add(routine);
  definitions.add(proxy);

  assert.equal(definitions.get(DefineKind.Routine, 3), routine);
  assert.equal(definitions.get(DefineKind.Proxy, 3), proxy);
  assert.equal(definitions.get(DefineKind.Routine, 4), undefined);
});

test("InboundDefinitions refuses an index that is out of bounds or in use, and a kind that no frame has", () => {
  const definitions = new InboundDefinitions(2);
  const first = define(1);
  definitions.add(first);
  definitions.add(define(2));

  for (const bad of [define(0), define(3), define(1), define(2, { kind: 256 })]) {
    assert.throws(() => definitions.add(bad), PROTOCOL);
  }
  assert.equal(definitions.get(DefineKind.Routine, 1), first);
});

test("InboundDefinitions takes a full table of usual identities, and no more memory than for that", () => {
  const full = new InboundDefinitions(65_536);
  const identity = new Uint8Array(200);
  for (let index = 1; index <= 65_536; index++)
    full.add(define(index, { value: identity, location: "x".repeat(200) }));
  const large = new InboundDefinitions(65_536);
  const value = new Uint8Array(4 * MIB);

  for (let index = 1; index <= 8; index++) large.add(define(index, { value }));

  assert.throws(() => large.add(define(9, { value })), PROTOCOL);
  assert.throws(() => large.add(define(9, { location: "x" })), PROTOCOL);
});

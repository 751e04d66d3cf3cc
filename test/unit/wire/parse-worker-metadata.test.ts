/** Worker records from outside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseWorkerMetadata } from "../../../src/wire/parse-worker-metadata.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const LOCAL = { unix: true };
const NETWORK = { unix: false };
const COMPLETE = {
  ...workerMetadata({ uid: "w-1_A", tags: ["gpu"], extra: { zone: "a" } }),
  options: { maxMessageSize: 1_024, maxConcurrentCalls: 7 },
  socket: "/run/merino/s/w",
  hostId: "host",
  build: "2026-03-14.2",
  resources: { gpu: 2, "example.com/license": 0.5 },
};

test("parseWorkerMetadata returns a frozen copy of a complete record", () => {
  const worker = parseWorkerMetadata(JSON.parse(JSON.stringify(COMPLETE)), LOCAL);

  assert.deepEqual(worker, COMPLETE);
  for (const part of [worker, worker?.tags, worker?.extra, worker?.options, worker?.codecs]) {
    assert.ok(Object.isFrozen(part));
  }
});

test("parseWorkerMetadata leaves absent what a record leaves out, and drops what it does not know", () => {
  const { runtime, codecs, ...required } = workerMetadata();

  const worker = parseWorkerMetadata({ ...required, surprise: 1 }, LOCAL);

  assert.deepEqual(worker, required);
});

test("parseWorkerMetadata believes socket paths of local sources only", () => {
  const address = "unix:/run/merino/s/w";

  assert.equal(parseWorkerMetadata({ ...COMPLETE, address }, LOCAL)?.address, address);
  assert.equal(parseWorkerMetadata({ ...COMPLETE, address }, NETWORK), undefined);
  const remote = parseWorkerMetadata(COMPLETE, NETWORK);
  assert.equal(remote?.uid, "w-1_A");
  assert.equal("socket" in remote, false);
});

test("parseWorkerMetadata accepts the three forms of an address and no others", () => {
  const accepted = ["127.0.0.1:1", "worker.example:65535", "[::1]:50051", "[fe80::1%eth0]:9", "unix:/s"];
  const refused = [
    "",
    "worker",
    "worker:",
    "worker:0",
    "worker:65536",
    "worker:12a",
    "::1:50051",
    "http://a:1",
    "a/b:1",
    "a b:1",
    "unix:",
    "unix:relative",
    "unix:/a\0b",
    `unix:/${"x".repeat(103)}`,
    `unix:/${"é".repeat(52)}`,
    `${"x".repeat(254)}:1`,
  ];

  for (const address of accepted) {
    assert.equal(parseWorkerMetadata({ ...COMPLETE, address }, LOCAL)?.address, address);
  }
  for (const address of refused) {
    assert.equal(parseWorkerMetadata({ ...COMPLETE, address }, LOCAL), undefined, address);
  }
});

test("parseWorkerMetadata refuses fields of a wrong type or size", () => {
  const refused: Record<string, readonly unknown[]> = {
    uid: [undefined, "", "../up", "a b", "x".repeat(65), 7],
    pid: [undefined, -1, 1.5, "1", Number.NaN, 2 ** 60],
    version: [undefined, "", "1".repeat(257), 1],
    tags: [undefined, "gpu", [1], [""], new Array(257).fill("t"), ["x".repeat(257)]],
    extra: [undefined, null, [], { a: 1 }, { a: "x".repeat(4_097) }, { ["k".repeat(257)]: "" }],
    secure: [undefined, "true", 1],
    options: [undefined, null, { maxMessageSize: 0 }, { maxMessageSize: "1" }, { maxConcurrentCalls: 1.5 }],
    identity: ["", 1, "a b", "größe", "a\nb", "a\u001b[2J", "x".repeat(2_049)],
    runtime: ["", 1, "x".repeat(257)],
    codecs: ["merino", [1]],
    socket: ["relative", `/${"x".repeat(103)}`, 1, "/run/\u001b[2J", "/run/a\nb", "/run/\u202ea"],
    hostId: ["", 1],
    resources: [null, [], 1, { gpu: 0 }, { gpu: -1 }, { gpu: 0.0001 }, { gpu: "1" }, { "": 1 }, { "a b": 1 }],
    build: ["", 1, null, "x".repeat(257), "a\nb", "\u001b[2J", "a\u202eb", "a\u200bb", "\ud800"],
  };

  for (const [field, values] of Object.entries(refused)) {
    for (const value of values) {
      assert.equal(parseWorkerMetadata({ ...COMPLETE, [field]: value }, LOCAL), undefined, field);
    }
  }
});

test("parseWorkerMetadata keeps an extra called __proto__ as data", () => {
  const text = JSON.stringify(COMPLETE).replace('"zone":"a"', '"__proto__":"polluted"');

  const worker = parseWorkerMetadata(JSON.parse(text), LOCAL);

  assert.equal(Object.getOwnPropertyDescriptor(worker?.extra, "__proto__")?.value, "polluted");
  assert.equal(Object.getPrototypeOf(worker?.extra), Object.prototype);
});

test("parseWorkerMetadata never throws, whatever it is given", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.equal(parseWorkerMetadata(value, LOCAL), undefined);
    }),
  );
});

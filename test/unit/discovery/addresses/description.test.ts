import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAddress, parseDescription } from "../../../../src/discovery/addresses/description.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

test("parseDescription gives the record the address that was asked, whatever the worker takes its own to be", () => {
  const worker = workerMetadata({ uid: "a", address: "192.0.2.7:7002" });

  for (const address of ["127.0.0.1:7002", "[::1]:9", "tunnel.example:80"]) {
    assert.deepEqual(parseDescription(worker, address), { ...worker, address });
  }
});

test("parseDescription believes no socket and no host id, and takes a record without codecs to speak none", () => {
  const { codecs: _, ...record } = workerMetadata({ uid: "a", socket: "/run/x", hostId: "here" });

  const worker = parseDescription(record, "10.0.0.1:7777");

  assert.ok(worker !== undefined && !("socket" in worker) && !("hostId" in worker));
  assert.deepEqual(worker.codecs, []);
});

test("parseDescription refuses what is no worker's record", () => {
  for (const value of [undefined, null, 1, "worker", {}, { ...workerMetadata(), uid: "../x" }]) {
    assert.equal(parseDescription(value, "10.0.0.1:7777"), undefined);
  }
});

test("a worker at a Unix socket is asked at the socket beside it, and called at the first, whichever is named", () => {
  const worker = workerMetadata({ uid: "a", address: "127.0.0.1:1" });

  for (const address of ["unix:/run/w", "unix:/run/w.g"]) {
    assert.equal(describeAddress(address), "unix:/run/w.g");
    assert.equal(parseDescription(worker, address)?.address, "unix:/run/w");
  }
  assert.equal(describeAddress("10.0.0.1:7777"), "10.0.0.1:7777");
});

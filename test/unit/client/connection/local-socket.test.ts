import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { localSocketOf } from "../../../../src/client/connection/local-socket.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

describe("localSocketOf", () => {
  test("believes a socket of this host only, and an address that is one", () => {
    const socketOf = (worker: Partial<WorkerMetadata>) => localSocketOf(workerMetadata(worker), "here");

    assert.equal(socketOf({ socket: "/run/a", hostId: "here" }), "/run/a");
    assert.equal(socketOf({ socket: "/run/a", hostId: "there" }), undefined);
    assert.equal(socketOf({ address: "unix:/run/b" }), "/run/b");
    assert.equal(socketOf({ address: "10.0.0.1:80" }), undefined);
  });
});

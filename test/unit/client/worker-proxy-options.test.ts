import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  resolveWorkerProxyOptions,
  type WorkerProxyOptions,
} from "../../../src/client/worker-proxy-options.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";

const discovery = new StaticDiscovery([]);

/** The option that is refused first. */
function refused(options: unknown): string {
  try {
    resolveWorkerProxyOptions(options as WorkerProxyOptions);
  } catch (error) {
    assert.ok(error instanceof InvalidOptionError, String(error));
    return error.option;
  }
  throw new Error("It was accepted");
}

describe("resolveWorkerProxyOptions", () => {
  test("wants exactly one source", () => {
    assert.equal(refused({}), "discovery");
    assert.equal(refused({ discovery, namespace: "n" }), "discovery");
    assert.equal(refused({ workers: [], namespace: "n" }), "discovery");
    for (const source of [{ discovery }, { workers: [] }, { namespace: "n" }]) {
      assert.notEqual(resolveWorkerProxyOptions(source).discovery, undefined);
    }
    assert.equal(resolveWorkerProxyOptions({}, { sourceRequired: false }).discovery, undefined);
  });

  test("refuses a lease below 1 by itself, and a quorum above the lease", () => {
    for (const lease of [0, -1, 1.5, Number.NaN]) assert.equal(refused({ discovery, lease }), "lease");
    assert.equal(refused({ discovery, lease: 2, quorum: 3 }), "quorum");
    assert.equal(resolveWorkerProxyOptions({ discovery, lease: 2, quorum: 2 }).quorum, 2);
  });

  test("refuses what is no object of options", () => {
    for (const options of [null, 1, "x"]) assert.equal(refused(options), "options");
  });

  test("fills in defaults", () => {
    const { lease, quorum, quorumTimeoutMs, tags, lazy, killGraceMs } = resolveWorkerProxyOptions({
      discovery,
    });

    assert.deepEqual(
      { lease, quorum, quorumTimeoutMs, tags, lazy, killGraceMs },
      { lease: undefined, quorum: 1, quorumTimeoutMs: 60_000, tags: [], lazy: true, killGraceMs: 5_000 },
    );
  });
});

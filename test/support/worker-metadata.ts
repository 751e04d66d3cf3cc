/** Worker records for tests. */
import type { WorkerMetadata } from "../../src/wire/worker-metadata.ts";

/** Makes a complete record; `overrides` replaces fields. */
export function workerMetadata(overrides: Partial<WorkerMetadata> = {}): WorkerMetadata {
  return {
    uid: "worker-1",
    address: "127.0.0.1:50051",
    pid: 4_242,
    version: "0.1.0",
    tags: [],
    extra: {},
    secure: false,
    options: {},
    runtime: "node",
    codecs: ["merino-1"],
    ...overrides,
  };
}

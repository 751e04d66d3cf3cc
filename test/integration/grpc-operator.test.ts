/**
 * What an operator's own tools see of a worker: Python with Debian's gRPC, which knows gRPC's health and reflection
 * services, and learns the rest from the worker. It asks once; what it saw is asserted here.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { usePythonModule, useTool } from "../support/debian-tool.ts";
import { freePort } from "../support/free-port.ts";
import { type LeakCheck, leakCheck } from "../support/leak-check.ts";
import { startNetworkWorker } from "./network-worker/workers.ts";

const run = promisify(execFile);
const CLIENT = fileURLToPath(new URL("./fixtures/operator-client/client.py", import.meta.url));
/** Not the folder above: Python's gRPC is a package of the name `grpc`, too. */
const SCHEMA = fileURLToPath(new URL("../../proto/grpc", import.meta.url));
const FILES = [
  "health/v1/health.proto",
  "reflection/v1/reflection.proto",
  "reflection/v1alpha/reflection.proto",
];

const WORKER = "wool.runtime.protobuf.wire.Worker";
const WIRE = "wool.runtime.protobuf.wire";
const SERVICES = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  WORKER,
];

/** What the client saw by one version of reflection. */
interface Reflected {
  readonly services: readonly string[];
  readonly files: readonly string[];
  readonly described: Readonly<Record<string, readonly [string, string]>>;
  readonly idle: boolean;
  readonly others: readonly (readonly [string, string | null])[];
  readonly "by name": boolean;
  readonly original: readonly string[];
}

interface Seen {
  readonly health: Readonly<Record<string, string>>;
  readonly "health alone": Readonly<Record<string, string>>;
  readonly v1: Reflected;
  readonly v1alpha: Reflected;
  readonly "reflection of health alone": string;
}

async function observe(python: string, protoc: string, plugin: string): Promise<Seen> {
  const stubs = mkdtempSync(join(tmpdir(), "merino-stubs-"));
  const health = `127.0.0.1:${await freePort()}`;
  await using worker = await startNetworkWorker({ health });
  try {
    await run(protoc, [
      `--proto_path=${SCHEMA}`,
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
      `--plugin=protoc-gen-grpc_python=${plugin}`,
      ...FILES,
    ]);
    const parameters = ["-B", CLIENT, stubs, worker.metadata.address, health];
    const { stdout } = await run(python, parameters, { timeout: 120_000, maxBuffer: 16 * 1024 * 1024 });
    return JSON.parse(stdout) as Seen;
  } finally {
    rmSync(stubs, { recursive: true, force: true });
  }
}

describe("an operator's gRPC tools", { timeout: 240_000 }, () => {
  let leaks: LeakCheck;
  let seen: Seen;

  before(async () => {
    const python = await usePythonModule("grpc, google.protobuf", "python3-grpcio");
    const protoc = await useTool("protoc", "protobuf-compiler");
    const plugin = await useTool("grpc_python_plugin", "protobuf-compiler-grpc");
    leaks = leakCheck({ withinMs: 10_000 });
    seen = await observe(python, protoc, plugin);
  });

  after(() => leaks[Symbol.asyncDispose]());

  for (const where of ["health", "health alone"] as const) {
    test(`ask and watch the worker's health: ${where}`, () => {
      assert.deepEqual(seen[where], {
        "": "SERVING",
        "watched ": "SERVING",
        [WORKER]: "SERVING",
        [`watched ${WORKER}`]: "SERVING",
        "another.Service": "NOT_FOUND",
        "watched another.Service": "SERVICE_UNKNOWN",
      });
    });
  }

  for (const version of ["v1", "v1alpha"] as const) {
    test(`list the services, describe them, and call one by its description: ${version}`, () => {
      const { services, files, described, idle } = seen[version];

      assert.deepEqual(services, SERVICES);
      assert.deepEqual(files, [...FILES.map((file) => `grpc/${file}`), "wire.proto"]);
      assert.deepEqual(described[`${WORKER}/idle`], [`${WIRE}.Void`, `${WIRE}.IdleTime`]);
      assert.deepEqual(described[`${WORKER}/dispatch`], [
        `stream ${WIRE}.Request`,
        `stream ${WIRE}.Response`,
      ]);
      assert.deepEqual(described["grpc.health.v1.Health/Watch"], [
        "grpc.health.v1.HealthCheckRequest",
        "stream grpc.health.v1.HealthCheckResponse",
      ]);
      assert.ok(idle);
    });

    test(`ask for what there is and for what there is not: ${version}`, () => {
      assert.deepEqual(seen[version].others, [
        ["file_descriptor_response", null],
        ["error_response", "NOT_FOUND"],
        ["file_descriptor_response", null],
        ["error_response", "NOT_FOUND"],
        ["error_response", "NOT_FOUND"],
        ["all_extension_numbers_response", null],
        ["error_response", "INVALID_ARGUMENT"],
      ]);
      assert.ok(seen[version]["by name"]);
      assert.deepEqual(seen[version].original, ["here", "here", "wire.proto"]);
    });
  }

  test("find nothing but health where health is told alone", () => {
    assert.equal(seen["reflection of health alone"], "UNIMPLEMENTED");
  });
});

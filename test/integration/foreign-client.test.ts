/**
 * A client that has nothing of Merino but `proto/wire.proto`: Python, with Debian's gRPC and stubs made by
 * protoc. It makes its calls once; what it saw is asserted here.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { WorkerMetadata } from "merino";
import { ProcessWorker } from "merino";
import { socketPath } from "../../src/transport/unix/socket-path.ts";
import { usePythonModule, useTool } from "../support/debian-tool.ts";
import { type LeakCheck, leakCheck } from "../support/leak-check.ts";
import { add } from "./fixtures/foreign-routines.ts";
import { held } from "./process-worker/workers.ts";

const run = promisify(execFile);
const ROUTINES = new URL("./fixtures/foreign-routines.ts", import.meta.url);
const CLIENT = fileURLToPath(new URL("./fixtures/foreign-client/client.py", import.meta.url));
const SCHEMA = fileURLToPath(new URL("../../proto/wire.proto", import.meta.url));

/** What the client saw of one scenario: mostly a list of `[what, content]`. */
type Seen = Record<string, unknown>;

/** Makes the stubs, starts a worker, and lets the client loose on it. */
async function observe(python: string, protoc: string, plugin: string) {
  const stubs = mkdtempSync(join(tmpdir(), "merino-stubs-"));
  const worker = ProcessWorker.factory({ host: "127.0.0.1", modules: [ROUTINES.href] })({
    uid: `foreign-${process.pid}`,
    socketPath: socketPath(),
    tags: [],
    extra: {},
    startTimeoutMs: 30_000,
    entry: undefined,
  });
  try {
    await run(protoc, [
      `--proto_path=${join(SCHEMA, "..")}`,
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
      `--plugin=protoc-gen-grpc_python=${plugin}`,
      "wire.proto",
    ]);
    const metadata = await held(worker.start());
    const module = add.id.slice(0, add.id.indexOf("#"));
    const { stdout } = await run(python, ["-B", CLIENT, stubs, metadata.address, module], {
      timeout: 120_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    return { seen: JSON.parse(stdout) as Seen, metadata };
  } finally {
    await held(worker.stop({ killAfter: 5_000 }));
    rmSync(stubs, { recursive: true, force: true });
  }
}

describe("a foreign gRPC client", { timeout: 240_000 }, () => {
  let leaks: LeakCheck;
  let seen: Seen;
  let metadata: WorkerMetadata;
  let ack: readonly unknown[];
  const NORMAL_END = ["end", "OK"];

  before(async () => {
    const python = await usePythonModule("grpc, google.protobuf", "python3-grpcio");
    const protoc = await useTool("protoc", "protobuf-compiler");
    const plugin = await useTool("grpc_python_plugin", "protobuf-compiler-grpc");
    leaks = leakCheck({ withinMs: 10_000 });
    ({ seen, metadata } = await observe(python, protoc, plugin));
    ack = ["ack", { version: metadata.version, uid: metadata.uid, codec: "merino-1" }];
  });

  after(() => leaks[Symbol.asyncDispose]());

  test("reads the worker's record by its bare address", () => {
    const { uid, address, version, codecs } = metadata;

    assert.deepEqual(seen.describe, { uid, address, version, codecs });
  });

  test("calls a function: Ack, Result, end", () => {
    assert.deepEqual(seen.function, [ack, ["result", 3], NORMAL_END]);
    assert.deepEqual(seen["half-closed function"], [ack, ["result", 42], NORMAL_END]);
  });

  test("steps a generator with next, send and throw", () => {
    const sent = { a: [1, -2, 2.5, true, null, "ä"] };

    assert.deepEqual(seen.generator, [
      ack,
      ["result", { heard: "hello" }],
      ["result", { heard: sent }],
      ["result", { heard: "caught thrown" }],
      NORMAL_END,
    ]);
  });

  test("returns a generator, and gets Done if it says that it knows it", () => {
    assert.deepEqual(seen["return value"], [ack, ["result", 1], ["done", "early"], NORMAL_END]);
  });

  test("closes a generator by half-closing, and its finally blocks run", () => {
    assert.deepEqual(seen["half-closed generator"], [["result", 1], NORMAL_END]);
    assert.deepEqual(seen.closings, ["result", ["returned", "half-closed"]]);
  });

  test("gets what a routine throws as an Exception, with status OK", () => {
    const error = { error: "TypeError", message: "it failed", detail: 42 };

    assert.deepEqual(seen.exception, [ack, ["exception", error], NORMAL_END]);
  });

  test("gets and gives 10 MB in one message", () => {
    assert.deepEqual(seen["large value"], ["result", { bytes: 10_000_000, all: [7] }]);
    assert.equal(seen["large argument"], "xxy");
  });

  test("names its task, its caller and its budget", () => {
    const who = { id: "id-1", caller: "id-0", tag: "t", timed: true };

    assert.deepEqual(seen.identity, [ack, ["result", who], NORMAL_END]);
  });

  test("cancels a task by cancelling its stream", () => {
    assert.deepEqual(seen.cancelled, [ack, ["end", "CANCELLED"]]);
    const [, names] = seen.cancellations as [string, string[]];
    assert.ok(names.includes("by the stream"), String(names));
  });

  for (const [scenario, code] of [
    ["other major", "REFUSAL_VERSION"],
    ["unparsable version", "REFUSAL_VERSION"],
    ["other codec", "REFUSAL_CODEC"],
    ["keyword arguments", "REFUSAL_BAD_PAYLOAD"],
  ] as const) {
    test(`gets a lone Nack that names the worker's version: ${scenario}`, () => {
      const [nack, end, ...others] = seen[scenario] as [[string, Record<string, string>], unknown];

      assert.equal(nack[0], "nack");
      assert.equal(nack[1].code, code);
      assert.equal(nack[1].version, metadata.version);
      assert.deepEqual([end, others], [NORMAL_END, []]);
    });
  }

  test("is told both versions when they do not fit", () => {
    const [[, nack]] = seen["other major"] as [[string, { reason: string }]];

    assert.ok(nack.reason.includes("'999.0.0'") && nack.reason.includes(`'${metadata.version}'`));
  });

  for (const scenario of ["unknown routine", "not exposed"]) {
    test(`gets a Nack for what it may not call: ${scenario}`, () => {
      const [[kind, nack], end] = seen[scenario] as [[string, { code: string }], unknown];

      assert.equal(kind, "nack");
      assert.ok(["REFUSAL_UNKNOWN_ROUTINE", "REFUSAL_NOT_EXPOSED"].includes(nack.code), nack.code);
      assert.deepEqual(end, NORMAL_END);
    });
  }

  test("gets an Exception for arguments that cannot be read", () => {
    const [first, [kind, error], end] = seen["unreadable arguments"] as [
      unknown,
      [string, { error: string }],
      unknown,
    ];

    assert.deepEqual([first, kind, error.error, end], [ack, "exception", "PayloadError", NORMAL_END]);
  });

  test("is told FAILED_PRECONDITION for a first message that is no Task", () => {
    assert.equal((seen.garbage as string[])[0], "FAILED_PRECONDITION");
    assert.deepEqual((seen["step first"] as string[][])[0]?.slice(0, 2), ["end", "FAILED_PRECONDITION"]);
  });

  test("is told INVALID_ARGUMENT for a second Task, whose first is cancelled", () => {
    const [first, end] = seen["second task"] as [unknown, string[]];

    assert.deepEqual(first, ack);
    assert.deepEqual(end.slice(0, 2), ["end", "INVALID_ARGUMENT"]);
  });

  test("asks for how long the worker has been idle", () => {
    assert.equal(typeof seen.idle, "number");
    assert.ok((seen.idle as number) >= 0 && (seen.idle as number) < 60);
  });

  test("is served as before after all its mistakes", () => {
    assert.deepEqual(seen["still served"], [ack, ["result", 3], NORMAL_END]);
  });
});

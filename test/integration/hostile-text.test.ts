/**
 * A hostile worker, and a hostile record: nothing they say reaches a terminal as it was written, whichever way it
 * takes: the commands, warnings, the errors of calls.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  isMerinoError,
  LocalDiscovery,
  routine,
  StaticDiscovery,
  WorkerConnection,
  type WorkerMetadata,
  WorkerProxy,
} from "merino";
import { encodeThrown } from "../../src/codec/encode/encoder.ts";
import { AdvertisementDirectory } from "../../src/discovery/local/advertisement-directory.ts";
import { processReferences } from "../../src/routine/process-references.ts";
import type { BatchWriter } from "../../src/wire/batch/writer.ts";
import { FrameKind } from "../../src/wire/frame-kind.ts";
import { NackCode } from "../../src/wire/messages/nack-code.ts";
import { eventually } from "../support/eventually.ts";
import { assertHarmless, HOSTILE_TEXT, HOSTILE_UTF8 } from "../support/hostile/text.ts";
import { type HostileWorkerOptions, serveHostileWorker } from "../support/hostile/worker.ts";
import { leakCheck } from "../support/leak-check.ts";
import { messageHead, payloadFrom } from "../support/protocol-peers.ts";
import { runCommand } from "../support/run-command.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { workerMetadata } from "../support/worker-metadata.ts";

const UID = "hostile-1";
const FILE_NAME = "\u001b[2J\nmerino: worker trusted is ending\u202e";
const LOCAL = ["--discovery", "local:hostile-text", "--wait", "500"];
const ask = routine(
  async function ask(question: string) {
    return question;
  },
  { timeout: 500 },
);

/** A record with hostile text in every field that may hold any. */
function hostileRecord(address: string): WorkerMetadata {
  return workerMetadata({
    uid: UID,
    address,
    version: HOSTILE_TEXT.slice(0, 256),
    tags: ["\u001b[2Jgone", "a\nmerino: b", "\u202egpj.exe", "\u009b31m", HOSTILE_TEXT.slice(0, 256)],
    extra: { zone: HOSTILE_TEXT, "\u001b]0;x\u0007": "\u2066" },
    runtime: "node\u001b[0m",
    codecs: ["merino-1", "\u001b[1m"],
    hostId: "h\u001b[0m",
  });
}

async function announce(worker: WorkerMetadata): Promise<AsyncDisposable> {
  const publisher = new LocalDiscovery("hostile-text").publisher();
  await publisher.publish({ type: "worker-added", worker });
  return { [Symbol.asyncDispose]: () => publisher.close() };
}

test("the commands show nothing of a hostile worker's that a terminal would obey, and --json reads back", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const refusal = { code: 7, details: HOSTILE_UTF8 };
  await using served = await serveHostileWorker({
    handlers: { describe: () => refusal, idle: () => refusal, stop: () => refusal },
    greet: (writer) => writer.goAway({ lastStream: 0, code: 0, detail: HOSTILE_UTF8, graceMs: 0 }),
  });
  const record = hostileRecord(served.address);
  await using _announced = await announce(record);
  const { path } = new AdvertisementDirectory("hostile-text");
  writeFileSync(join(path, `${FILE_NAME}.json`), JSON.stringify({ ...record, uid: FILE_NAME }));

  const outputs = new Map<string, string>();
  for (const words of [
    ["ls"],
    ["ls", "--json"],
    ["stop", UID],
    ["stop", "h"],
    ["doctor"],
    ["doctor", "--json"],
  ]) {
    const { stdout, stderr } = await runCommand([...words, ...LOCAL]);
    for (const [stream, text] of Object.entries({ stdout, stderr }))
      assertHarmless(text, `${words.join(" ")}: ${stream}`);
    outputs.set(words.join(" "), stdout + stderr);
  }

  const [listed] = JSON.parse(outputs.get("ls --json") ?? "") as [WorkerMetadata & { idle: null }];
  const { idle: _, ...parsed } = listed;
  assert.deepEqual(parsed, record);
  const { workers } = JSON.parse(outputs.get("doctor --json") ?? "") as { workers: { version: string }[] };
  assert.equal(workers[0]?.version, record.version);
  assert.equal(outputs.get("ls")?.trimEnd().split("\n").length, 2);
  assert.match(outputs.get("ls") ?? "", /\\u001b\[2Jgone/);
  assert.match(
    outputs.get("stop hostile-1") ?? "",
    /^merino: Cannot stop worker 'hostile-1': .*it does not permit this \(PERMISSION_DENIED: \\u001b\[2J.*\n$/,
  );
  assert.match(outputs.get("doctor") ?? "", /cannot be reached: .*ended the connection: \\u001b\[2J/);
  assert.ok(warnings.codes.includes("MERINO_BAD_ADVERTISEMENT"));
  for (const message of warnings.messages) assertHarmless(message, "a warning");
  rmSync(path, { recursive: true });
});

/** An error as its worker throws it, its stack included. */
function exception(make: () => Error): (writer: BatchWriter, stream: number) => void {
  const error = make();
  error.stack = `${error.name}: ${error.message}\n    at ${HOSTILE_TEXT}\n    at [${HOSTILE_TEXT}]`;
  const { bytes, start, end } = encodeThrown(error, { root: "error", references: processReferences });
  return (writer, stream) => {
    writer.ack(stream, "0.1.0", UID);
    writer.message(stream, messageHead(FrameKind.Exception), payloadFrom(bytes, start, end));
  };
}

const nack = (code: number) => (writer: BatchWriter, stream: number) =>
  writer.nack(stream, { code, reason: HOSTILE_UTF8, retryAfterMs: 0, version: HOSTILE_UTF8.slice(0, 100) });
const goAway = (code: number) => (writer: BatchWriter) =>
  writer.goAway({ lastStream: 0, code, detail: HOSTILE_UTF8, graceMs: 0 });

const ATTACKS: Readonly<Record<string, HostileWorkerOptions>> = {
  ...Object.fromEntries(
    Object.entries(NackCode).flatMap(([name, code]) => [
      [`Nack ${name}`, { answer: nack(code) }],
      [`GoAway ${name} in place of a greeting`, { greet: goAway(code) }],
      [`GoAway ${name} after the task`, { answer: goAway(code) }],
    ]),
  ),
  "Nack of an unknown code": { answer: nack(4_711) },
  "a Reset": { answer: (writer, stream) => writer.reset(stream, 0, HOSTILE_UTF8) },
  "a greeting of another version": { hello: { uid: UID, version: `9.${HOSTILE_UTF8}` } },
  "a greeting without our codec": { hello: { uid: UID, codecs: [HOSTILE_UTF8] } },
  "a greeting of another worker": { hello: { uid: HOSTILE_UTF8 } },
  "an error": { answer: exception(() => new TypeError("no")) },
  "an error of an unknown class": {
    answer: exception(() => Object.assign(new Error("no"), { name: `Strange${HOSTILE_UTF8}Error` })),
  },
};

test("a call shows nothing hostile of what a hostile worker answers", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();

  await Promise.all(
    Object.entries(ATTACKS).map(async ([what, attack]) => {
      await using served = await serveHostileWorker({ hello: { uid: UID }, ...attack });
      const record = workerMetadata({ uid: UID, address: served.address });
      await using proxy = new WorkerProxy({ discovery: new StaticDiscovery([record]), quorumTimeout: 500 });
      await proxy.open();
      await using connection = new WorkerConnection(record, { timeout: 500 });
      const outcomes = await Promise.allSettled([
        ask.with({ pool: proxy })("who?"),
        connection.dispatch(ask, "who?"),
      ]);

      for (const outcome of outcomes) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof Error, what);
        assertShown(outcome.reason, what);
      }
    }),
  );

  for (const message of warnings.messages) assertHarmless(message, "a warning");
});

test("a warning of a worker that turns callers away shows its words with escapes", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  await using served = await serveHostileWorker({ greet: goAway(NackCode.UNSPECIFIED) });
  const discovery = new StaticDiscovery([workerMetadata({ uid: UID, address: served.address })]);

  await using proxy = new WorkerProxy({ discovery, lazy: false, quorumTimeout: 20_000 });
  const opening = proxy.open().catch(() => {}); // nobody comes
  const shown = (): string | undefined =>
    warnings.messages.find((text) => text.includes("ended the connection"));
  await eventually(() => shown() !== undefined);
  await proxy.close();
  await opening;

  assert.match(shown() ?? "", /ended the connection: \\u001b\[2J/);
  for (const message of warnings.messages) assertHarmless(message, "a warning");
});

/** What a program prints of an error: the whole, the message, the stack; and the same of what is behind it. */
function assertShown(error: Error, what: string): void {
  const { remoteName, reasons = [] } = error as {
    remoteName?: string;
    reasons?: readonly { readonly detail: string }[];
  };
  // The name and the message of what a routine throws are values, as they were; Node shows the stack in their place.
  if (isMerinoError(error) && remoteName === undefined) {
    assertHarmless(error.message, `${what}: the message`);
    assertHarmless(inspect(error), `${what}: the error`);
  }
  assertHarmless(error.stack ?? "", `${what}: the stack`);
  for (const { detail } of reasons) assertHarmless(detail, `${what}: a reason`);
  if (error.cause instanceof Error) assertShown(error.cause, `${what}: the cause`);
}

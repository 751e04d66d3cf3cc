/** The worked example of the wire's README is a call, byte for byte. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { BatchSchema, RequestSchema, ResponseSchema } from "../../../src/wire/gen/wire_pb.ts";
import { DefineKind } from "../../../src/wire/messages/define-kind.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import { useDispatch } from "../../support/dispatch-peers.ts";
import { helloWith } from "../../support/protocol-peers.ts";
import { bindBatch, type FrameModel, readBatch, writeFrame } from "./frame-model.ts";

const README = readFileSync(new URL("../../../src/wire/README.md", import.meta.url), "utf8");

const CALL: readonly FrameModel[] = [
  {
    kind: "Define",
    stream: 0,
    define: {
      kind: DefineKind.Routine,
      index: 1,
      value: new TextEncoder().encode("a/b.ts#add"),
      location: "",
    },
  },
  {
    kind: "Task",
    stream: 1,
    args: Uint8Array.of(0x92, 1, 2),
    fields: {
      routineRef: 1,
      callable: undefined,
      proxyRef: 0,
      flags: TaskFlag.NextImplied,
      budgetUs: 0,
      credit: 0,
      parts: 0,
      tag: undefined,
      callers: undefined,
      trace: undefined,
      origin: undefined,
    },
  },
];
const ANSWER: readonly FrameModel[] = [
  { kind: "Done", stream: 1, dump: Uint8Array.of(3), parts: 0, detached: false, bodyUs: 4 },
];

/** The bytes of the README's blocks of hex, comments dropped. */
function readExamples(): Uint8Array[] {
  return [...README.matchAll(/^```hex\n(.*?)^```$/gms)].map(([, block]) => {
    const digits = (block ?? "").replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "");
    assert.match(digits, /^(?:[0-9a-f]{2})+$/);
    return Uint8Array.from(Buffer.from(digits, "hex"));
  });
}

test("the README's example is the call that it describes", () => {
  const examples = readExamples();

  assert.equal(examples.length, 7);
  for (const [at, frames] of [CALL, ANSWER].entries()) {
    const bytes = examples[at] as Uint8Array;
    assert.deepEqual(readBatch(new BatchReader(), bytes), frames);
    assert.deepEqual(fromBinary(BatchSchema, bytes), bindBatch(frames));
    const writer = new BatchWriter();
    for (const frame of frames) if (frame.kind !== "Chunk") writeFrame(writer, frame);
    assert.equal(
      Buffer.from(writer.take().subarray(BatchWriter.HEADROOM)).toString("hex"),
      Buffer.from(bytes).toString("hex"),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    assert.ok(README.includes(`\`${length.toString("hex").replaceAll(/(..)(?=.)/g, "$1 ")}\``));
  }
});

test("the README's example of a dispatch is what a worker and its caller say", async () => {
  const [task, ack, next, result, nack] = readExamples().slice(2) as Uint8Array[];
  await using stream = useDispatch(
    { "a/b.ts#add": (x: number, y: number) => x + y },
    { hello: helloWith({ uid: "w1", version: "0.1.0" }) },
  );
  await using newer = useDispatch({}, { hello: helloWith({ version: "2.0.0" }) });

  stream.relay.request(task ?? assert.fail());
  await stream.responded(1);
  stream.relay.request(next ?? assert.fail());
  await stream.sink.ended();
  newer.relay.request(task ?? assert.fail());
  await newer.sink.ended();

  assert.equal(fromBinary(RequestSchema, task ?? assert.fail()).payload.case, "task");
  assert.equal(fromBinary(RequestSchema, next ?? assert.fail()).payload.case, "next");
  // How long the body took is not the same each time.
  const timeless = stream.sink.messages.map((message) =>
    toBinary(ResponseSchema, create(ResponseSchema, { payload: message.payload })),
  );
  assert.deepEqual([...timeless, ...newer.sink.responses].map(hexOf), [ack, result, nack].map(hexOf));
  assert.deepEqual([stream.sink.code, newer.sink.code], [0, 0]);
});

function hexOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? assert.fail()).toString("hex");
}

test("the README's table of files is the folder's", () => {
  const folder = new URL("../../../src/wire/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );

  const rows = README.split("\n").filter((line) => line.startsWith("| `") && line.includes(".ts`"));
  const named = rows.flatMap((row) => [...row.matchAll(/`([a-z_/-]+\.ts)`/g)].map(([, file]) => file));

  assert.deepEqual(named.sort(), files.sort());
});

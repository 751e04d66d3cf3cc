/** What passes beside the batches, and peers whose frames name an enclosure that has not come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { createNack } from "../../../src/wire/messages/nack.ts";
import { NO_PAYLOAD } from "../../../src/wire/payload.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { batchOf, connect, headOf, messageHead, payloadOf } from "../../support/protocol-peers.ts";

const bodies = {
  size: (value: Uint8Array | string): number => value.length,
  echo: (value: unknown): unknown => value,
  wait: (): Promise<never> => new Promise(() => {}),
};

test("large values and long texts go beside the batches to a thread, whole, and no chunks", async () => {
  await using pair = await connect(bodies, { encloses: true });
  const large = new Uint8Array(200_000).fill(7);
  const text = "a longer text ".repeat(20_000);

  const values = await Promise.all([
    pair.client.call("size", [large]).value(),
    pair.client.call("size", [text]).value(),
    pair.client.call("echo", [[large, text, { large }]]).value(),
  ]);

  assert.deepEqual(values, [200_000, text.length, [large, text, { large }]]);
  assert.equal(large.length, 200_000);
  const kinds = [...framesOf(pair.carriers.client.sent), ...framesOf(pair.carriers.server.sent)].map(
    ({ kind }) => kind,
  );
  assert.equal(kinds.includes(FrameKind.Chunk), false);
});

test("the window counts what goes beside the batches, and is given back", async () => {
  await using pair = await connect(bodies, { encloses: true });
  const large = new Uint8Array(1024 * 1024);

  for (let call = 0; call < 20; call++) await pair.client.call("size", [large]).value();

  assert.equal(pair.client.session.connection.congested, false);
  assert.ok(framesOf(pair.carriers.server.sent).some(({ kind }) => kind === FrameKind.Window));
});

for (const { from, frame } of [
  { from: "a task", frame: "task" },
  { from: "a message", frame: "send" },
] as const) {
  for (const encloses of [false, true]) {
    test(`${from} that names an enclosure which has not come ends its connection; between threads: ${encloses}`, async () => {
      await using pair = await connect(bodies, { encloses });
      const other = await connect(bodies, { encloses });
      const pending = pair.client.call("wait");

      pair.carriers.client.inject(
        batchOf((writer) => {
          if (frame === "task") writer.task(3, headOf({ callable: "size", attached: true }), payloadOf([1]));
          else writer.message(1, messageHead(FrameKind.Send, { attached: true }), NO_PAYLOAD);
        }),
      );

      assert.equal((await pending.outcome).kind, "lost");
      assert.match(String(pair.client.goAways[0]?.detail), /enclosure that has not come/);
      assert.equal(await other.client.call("size", ["ab"]).value(), 2);
      await other[Symbol.asyncDispose]();
    });
  }
}

test("a refusal that names an enclosure which has not come ends the connection", async () => {
  await using pair = await connect(bodies);
  const pending = pair.client.call("wait");
  await eventually(() => pair.worker.starts === 1);

  pair.carriers.server.inject(
    batchOf((writer) => writer.nack(1, { ...createNack(4, "full"), attached: true })),
  );

  assert.equal((await pending.outcome).kind, "lost");
});

test("what comes for a stream that is over is let go, and the next frames get what is theirs", async () => {
  await using pair = await connect(bodies, { encloses: true });
  const { port1, port2 } = new MessageChannel();
  const closed = new Promise((resolve) => port1.once("close", resolve));
  port1.ref();
  await pair.client.call("size", ["a"]).value();

  pair.carriers.client.enclose?.({ parts: [], attachments: [port2] }, [port2]);
  pair.carriers.client.inject(
    batchOf((writer) => writer.message(1, messageHead(FrameKind.Send, { attached: true }), NO_PAYLOAD)),
  );

  await closed;
  const large = new Uint8Array(100_000).fill(9);
  assert.deepEqual(await pair.client.call("echo", [large]).value(), large);
});

test("long payloads between threads stay what they were while others come, also where their calls wait", async () => {
  await using pair = await connect(bodies, { encloses: true });
  const texts = Array.from({ length: 12 }, (_, at) => `${"\u6587\u00e9t"[at % 3]}${at} `.repeat(40_000 + at));

  for (let round = 0; round < 3; round++) {
    const values = await Promise.all(
      texts.map((text, at) =>
        pair.client.call("echo", [[text, { at, bytes: new Uint8Array(100).fill(at) }]]).value(),
      ),
    );

    assert.deepEqual(
      values,
      texts.map((text, at) => [text, { at, bytes: new Uint8Array(100).fill(at) }]),
    );
  }
});

test("a value that was made of a long payload shares no memory with the next one", async () => {
  await using pair = await connect(bodies, { encloses: true });
  const value = (fill: number) => ({
    text: "text ".repeat(30_000),
    bytes: new Uint8Array(50_000).fill(fill),
    buffer: new Uint8Array(60_000).fill(fill).buffer,
    floats: new Float64Array(5_000).fill(fill),
  });
  const first = await pair.client.call("echo", [value(1)]).value();

  for (let fill = 2; fill < 6; fill++)
    assert.deepEqual(await pair.client.call("echo", [value(fill)]).value(), value(fill));

  assert.deepEqual(first, value(1));
  assert.ok((first as { bytes: Uint8Array }).bytes.buffer instanceof ArrayBuffer);
});

/** What a carrier hands out while the output before it is passed on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Carrier, CarrierEvents } from "../../../../src/session/carrier.ts";
import { holdBatches } from "../../../../src/transport/output/held-batches.ts";
import { memoryPair } from "../../../support/memory-pair.ts";

/** A session that notes what it gets, and the carrier that it uses. */
function session(): { readonly carrier: Carrier; readonly batches: string[] } {
  const carrier: Carrier = memoryPair().client;
  const batches: string[] = [];
  carrier.events = {
    batch: (bytes, start, end) => void batches.push(Buffer.from(bytes.subarray(start, end)).toString()),
    drain() {},
    closed() {},
  };
  return { carrier, batches };
}

for (const [kind, memory] of [
  ["a Buffer, whose slice() shares its memory", Buffer.alloc(16)],
  ["a Uint8Array", new Uint8Array(16)],
] as const) {
  test(`Held batches stay as they came though the carrier reads on into the same memory, ${kind}`, async () => {
    const { carrier, batches } = session();
    let pass = (): void => {};
    holdBatches(carrier, () => new Promise<void>((resolve) => (pass = resolve)));
    const read = (content: string): void => {
      memory.fill(0);
      const length = Buffer.from(memory.buffer, memory.byteOffset).write(content, 3);
      (carrier.events as CarrierEvents).batch(memory, 3, 3 + length);
    };

    read("first");
    read("second");
    read("third");
    assert.deepEqual(batches, []);
    pass();
    await new Promise((resolve) => setImmediate(resolve));

    assert.deepEqual(batches, ["first", "second", "third"]);
  });
}

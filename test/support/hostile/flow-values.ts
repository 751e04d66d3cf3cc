/** Values with iterables, streams and callbacks as their bytes, for frames written by hand: numbered as they stand. */
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import type { FlowSink } from "../../../src/codec/references.ts";
import { processReferences as references } from "../../../src/routine/process-references.ts";
import type { FlowHead } from "../../../src/wire/messages/flow.ts";
import type { Payload } from "../../../src/wire/payload.ts";
import { payloadFrom } from "../protocol-peers.ts";

async function* nothing(): AsyncGenerator<never, void, void> {}

/** An iterable. */
export function anIterable(): AsyncIterable<unknown> {
  return nothing();
}

export function flowValue(value: unknown): Payload {
  let count = 0;
  const flows: FlowSink = { addFlow: () => count++ };
  const { bytes, start, end } = encodeValue(value, { root: "args", references, flows });
  return payloadFrom(Buffer.from(bytes.subarray(start, end)));
}

/** Of the first flow, if nothing else is said. */
export function flowHead(fields: Partial<FlowHead>): FlowHead {
  return { index: 0, act: 0, number: 0, taken: 0, ...fields };
}

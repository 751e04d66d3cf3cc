/**
 * Peers that send frames written by hand over a carrier in memory, without a session that would keep to the rules:
 * a client against a real worker, and a worker against a real client.
 */

import { NO_PAYLOAD } from "../../../src/wire/payload.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import { encodeChunkHead } from "../chunk-head.ts";
import { eventually } from "../eventually.ts";
import { framesOf, type MemoryCarrier, type MemoryPairOptions, memoryPair } from "../memory-pair.ts";
import { batchOf, headOf, helloWith, TestClient, type TestWorker } from "../protocol-peers.ts";

const HEADROOM = 4;

/** The client's end, with what it was answered. */
export type RawClient = MemoryCarrier & {
  /** The worker's end. */
  readonly server: MemoryCarrier;
  readonly replies: () => ReturnType<typeof framesOf>;
};

/** A client written by hand, introduced to a worker. */
export async function rawClient(worker: TestWorker, options: MemoryPairOptions = {}): Promise<RawClient> {
  const { client, server } = memoryPair(options);
  client.events = { batch: () => {}, drain: () => {}, closed: () => {} };
  worker.tasks.serve(server);
  client.inject(batchOf((writer) => writer.hello(helloWith())));
  await eventually(() => server.sent.length > 0);
  return Object.assign(client, { server, replies: () => framesOf(server.sent) });
}

/** A worker written by hand, with a client introduced to it. */
export async function rawWorker(options: MemoryPairOptions = {}): Promise<{
  readonly caller: TestClient;
  readonly server: MemoryCarrier;
  readonly client: MemoryCarrier;
}> {
  const { client, server } = memoryPair(options);
  server.events = { batch: () => {}, drain: () => {}, closed: () => {} };
  const caller = new TestClient(client);
  server.inject(batchOf((writer) => writer.hello(helloWith({ uid: "raw" }))));
  await caller.hello;
  return { caller, server, client };
}

/** One chunk as a batch of its own. */
export function chunk(
  stream: number,
  fields: { part?: number; total: number; last?: boolean; data: number },
): Uint8Array {
  const { part = 0, total, last = false, data } = fields;
  return Buffer.concat([
    encodeChunkHead(stream, part, total, last, data).subarray(HEADROOM),
    Buffer.alloc(data, 1),
  ]);
}

/** A task that announces so many parts; its arguments are the first of them. */
export function largeTask(stream: number, parts = 1): Uint8Array {
  return batchOf((writer) =>
    writer.task(
      stream,
      headOf({ callable: "size", parts, flags: TaskFlag.NextImplied | TaskFlag.Detached }),
      NO_PAYLOAD,
    ),
  );
}

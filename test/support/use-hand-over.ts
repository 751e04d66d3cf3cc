/** A caller and two workers in memory, of which one makes streams and the other reads them, with a connection between each two. */
import assert from "node:assert/strict";
import { WorkerProxy } from "../../src/client/worker-proxy.ts";
import type { Dispatcher } from "../../src/context/dispatcher.ts";
import { eventually } from "./eventually.ts";
import { type MemoryCarrier, type MemoryPairOptions, memoryPair } from "./memory-pair.ts";
import { type Body, helloWith, type TestWorkerOptions } from "./protocol-peers.ts";
import { useDispatcher } from "./use-dispatcher.ts";
import { workerMetadata } from "./worker-metadata.ts";

/** What a test says about them. */
export interface HandOverWish {
  readonly maker?: TestWorkerOptions;
  readonly reader?: TestWorkerOptions;
  /** Between the workers. */
  readonly pair?: MemoryPairOptions;
  /** How the reader takes streams. Default: as a member of its proxy. */
  readonly take?: NonNullable<Dispatcher["take"]> | "none";
}

/** The connections. */
export type Link = "caller-maker" | "caller-reader" | "reader-maker";

/** @param making The generators. @param reading The functions that read them. */
export async function useHandOver(
  making: Readonly<Record<string, Body>>,
  reading: Readonly<Record<string, Body>>,
  wish: HandOverWish = {},
) {
  const t = useDispatcher();
  const between: MemoryCarrier[] = [];
  const proxy = new WorkerProxy(
    {},
    {
      id: "p",
      connect: async () => {
        const { client, server } = memoryPair(wish.pair ?? {});
        between.push(client);
        t.worker("maker").tasks.serve(server);
        return client;
      },
    },
  );
  await proxy.open();
  const codecs = helloWith().codecs;
  const takes: string[] = [];
  const take: NonNullable<Dispatcher["take"]> = (request) => {
    takes.push(request.uid);
    return typeof wish.take === "function" ? wish.take(request) : proxy.take(request);
  };
  const nested: Dispatcher = {
    call: () => assert.fail("a nested call"),
    stream: () => assert.fail("a nested stream"),
    ...(wish.take !== "none" && { take }),
  };
  t.add("maker", making, wish.maker);
  t.add("reader", reading, { ...wish.reader, nestedDispatcher: () => nested });
  proxy.adopt(workerMetadata({ uid: "maker", address: "unix:/maker", codecs }));
  await t.ready(2);
  await eventually(() => proxy.readyWorkers.length === 1);
  const carriers: Readonly<Record<Link, () => MemoryCarrier>> = {
    "caller-maker": () => t.carrier("maker"),
    "caller-reader": () => t.carrier("reader"),
    "reader-maker": () => between.at(-1) ?? assert.fail("the workers are not connected"),
  };
  return {
    ...t,
    proxy,
    /** Uids of the workers from which streams were to be taken. */
    takes,
    carrierOf: (link: Link): MemoryCarrier => carriers[link](),
    /** Cuts a connection, both ends of which see it break. */
    cut: (link: Link): void => carriers[link]().cut(),
    /** Nothing of a stream is left anywhere. */
    async nothingLeft() {
      await eventually(() => t.worker("maker").tasks.active.bodies === 0);
      await eventually(() => t.worker("reader").tasks.active.bodies === 0);
      await eventually(() => proxy.unsettled === 0 && t.dispatcher.unsettled === 0);
      assert.equal(t.worker("maker").tasks.kept.size, 0);
    },
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await t[Symbol.asyncDispose]();
      await eventually(() => between.every((carrier) => carrier.over));
    },
  };
}

/**
 * Flows on both halves of the protocol: a peer that speaks of iterables, streams and callbacks in any order, with numbers
 * that are right or wrong, before, during and after what it speaks of. Every body and every call ends once, every source is
 * closed, and nobody waits for an item any more.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { CallFlows } from "../../../src/client/call/call-flows.ts";
import { type Callback, callback } from "../../../src/codec/beside/callback.ts";
import { decodeValue } from "../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import type { FlowSink } from "../../../src/codec/references.ts";
import { processReferences as references } from "../../../src/routine/process-references.ts";
import type { ReceivedMessage } from "../../../src/session/messages/received-message.ts";
import type { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { FlowAct } from "../../../src/wire/messages/flow.ts";
import type { Payload } from "../../../src/wire/payload.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";
import { memoryPair } from "../../support/memory-pair.ts";
import {
  batchOf,
  headOf,
  helloWith,
  messageHead,
  payloadFrom,
  payloadOf,
  RecordedCall,
  TestClient,
  TestWorker,
} from "../../support/protocol-peers.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";
import { asConversation, batchesIn, playToWorker, silence } from "./conversation.ts";
import { anyPayload } from "./value-grammar.ts";

const STREAMS = 3;
const ROUTINES = ["use", "pass", "give", "hold"];

async function* doubled(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  for await (const item of items) yield [item, item];
}

const bodies = {
  async use(items: AsyncIterable<unknown>, tell: Callback<[unknown]>, into: WritableStream<unknown>) {
    const writer = into.getWriter();
    for await (const item of items) {
      void tell(item);
      await writer.write(item);
    }
    await writer.close();
  },
  pass: doubled,
  give: async (items: AsyncIterable<unknown>) => ({ items: doubled(items), again: doubled(upTo(100)) }),
  async hold(items: AsyncIterator<unknown>, tell: Callback<[unknown], unknown>) {
    await Promise.race([items.next(), items.next(), tell(1)]);
    for (let n = 0; n < 300; n++) void tell(n);
    return await items.return?.();
  },
};

async function* upTo(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}

/** Encodes arguments or an answer, whose flows have the numbers in which they stand. */
function encoded(value: unknown): Payload {
  let count = 0;
  const flows: FlowSink = { addFlow: () => count++ };
  const { bytes, start, end } = encodeValue(value, { root: "args", references, flows });
  return payloadFrom(Buffer.from(bytes.subarray(start, end)));
}

const ARGUMENTS = encoded([upTo(0), callback(() => {}), new WritableStream()]);
const ANSWER = encoded({ items: upTo(0), again: new ReadableStream() });

/** A frame about a flow, from either end of it. */
function writeFlow(writer: BatchWriter, random: Random, kind: FrameKind): void {
  const flow = {
    index: random.oneIn(12) ? random.pick([3, 255, 256, 2 ** 32 - 1]) : random.small(2),
    act: random.oneIn(16) ? random.pick([0, 7, 99, 2 ** 32 - 1]) : 1 + random.below(6),
    number: random.oneIn(12) ? random.below(2 ** 32) : random.small(5),
    taken: random.oneIn(12) ? random.below(2 ** 32) : random.small(3),
  };
  const what = random.below(4);
  const payload =
    what === 0
      ? payloadFrom(anyPayload(random))
      : payloadOf(flow.act === FlowAct.Call ? [random.pick(["write", "close", "abort", 1]), 1] : what);
  writer.message(
    1 + random.below(STREAMS),
    messageHead(kind as typeof FrameKind.CallerFlow, { flow }),
    payload,
  );
}

/** What comes of a call beside its flows, or begins one. */
type WriteOther = (writer: BatchWriter, random: Random, stream: number) => void;

function conversation(random: Random, kind: FrameKind, writeOther: WriteOther): Buffer {
  const batches = [batchOf((writer) => writer.hello(helloWith({ uid: "peer" })))];
  batches.push(
    batchOf((writer) => {
      for (let stream = 1; stream <= STREAMS; stream++) writeOther(writer, random, stream);
    }),
  );
  for (let count = 1 + random.small(24); count > 0; count--) {
    const batch = batchOf((writer) => {
      const copies = random.oneIn(20) ? 300 : 1; // a flood
      for (let frames = 1 + random.small(6); frames > 0; frames--)
        if (random.oneIn(8)) writeOther(writer, random, 1 + random.below(STREAMS));
        else for (let copy = 0; copy < copies; copy++) writeFlow(writer, random, kind);
    });
    batches.push(random.oneIn(12) ? mutate(Buffer.from(batch), random) : batch);
  }
  return asConversation(batches.map((batch) => Buffer.from(batch)));
}

const ofCaller: WriteOther = (writer, random, stream) => {
  switch (random.below(6)) {
    case 0:
      return writer.cancel(stream, payloadOf("no more"));
    case 1:
      return random.oneIn(3) ? writer.reset(stream, 0, "reset") : writer.next(stream);
    case 2:
      return writer.credit(stream, random.small(9));
    default: {
      const free = random.oneIn(2) ? stream : STREAMS + random.small(5);
      return writer.task(
        free,
        headOf({ callable: random.pick(ROUTINES), flags: flagsOf(random) }),
        ARGUMENTS,
      );
    }
  }
};

function flagsOf(random: Random): number {
  return TaskFlag.NextImplied | (random.oneIn(2) ? TaskFlag.Generator : 0);
}

const ofWorker: WriteOther = (writer, random, stream) => {
  const kind = random.oneIn(4) ? FrameKind.Done : random.oneIn(6) ? FrameKind.Exception : FrameKind.Result;
  if (random.oneIn(8)) writer.reset(stream, 0, "reset");
  else writer.message(stream, messageHead(kind), random.oneIn(4) ? payloadOf(1) : ANSWER);
};

export const workerFlows: FuzzTarget = {
  name: "flows at workers",
  share: 1,
  make: (random) => conversation(random, FrameKind.CallerFlow, ofCaller),
  run: (bytes) => playToWorker(new TestWorker(bodies), bytes, true),
};

/** A call with flows, as the library's own calls have them. */
class FlowingCall extends RecordedCall {
  readonly flows = new CallFlows({ references, hasThreads: false }, {
    id: "use",
    module: undefined,
  } as ConstructorParameters<typeof CallFlows>[1]);
  opened = 0;
  closed = 0;
  /** What it reads has been told to end. */
  read = 0;

  get parameters(): readonly unknown[] {
    return [this.#source(), callback((n: unknown) => n), new WritableStream({ write() {} })];
  }

  override flow(message?: ReceivedMessage): void {
    if (message !== undefined) this.flows.take(message);
  }

  override result(message: ReceivedMessage): void {
    if (this.outcomes.length > 0) return;
    try {
      const { source } = message;
      const answer = decodeValue(message, { references, source, flows: this.flows });
      for (const items of Object.values(answer ?? {}))
        if (typeof items === "object" && items !== null && Symbol.asyncIterator in items)
          void this.#drain(items);
    } catch {
      // it may be anything
    }
  }

  override done(message: ReceivedMessage): void {
    super.done(message);
    this.flows.end(undefined);
  }

  override exception(message: ReceivedMessage): void {
    super.exception(message);
    this.flows.end({ reason: "failed" });
  }

  override failed(error: Error): void {
    super.failed(error);
    this.flows.end({ reason: error });
  }

  override lost(error: Error | undefined, started: boolean): void {
    super.lost(error, started);
    this.flows.end({ reason: error });
  }

  async *#source(): AsyncGenerator<number> {
    this.opened += 1;
    try {
      yield* upTo(100);
    } finally {
      this.closed += 1;
    }
  }

  async #drain(items: AsyncIterable<unknown>): Promise<void> {
    this.read += 1;
    try {
      for await (const _item of items);
    } catch {
      // it may end in any way
    } finally {
      this.read -= 1;
    }
  }
}

export const callerFlows: FuzzTarget = {
  name: "flows at callers",
  share: 1,
  make: (random) => conversation(random, FrameKind.WorkerFlow, ofWorker),
  async run(bytes) {
    const { client, server } = memoryPair({ local: false });
    silence(server);
    const caller = new TestClient(client);
    const calls: FlowingCall[] = [];
    for (const batch of batchesIn(bytes)) {
      if (caller.session.connection.ended) break;
      server.arrivesAtPeer(batch);
      while (calls.length < STREAMS && caller.session.open) calls.push(openCall(caller));
      await nextTurn();
    }
    server.cut();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    for (const call of calls) {
      if (call.outcomes.length !== 1) throw new Error(`a call ended ${call.outcomes.length} times`);
      if (call.opened !== call.closed) throw new Error("a source has not been closed");
      if (call.read > 0) throw new Error("a stream of an answer never ends");
    }
    if (caller.session.inFlight > 0) throw new Error("calls are left on a connection that has ended");
  },
};

function openCall({ session }: TestClient): FlowingCall {
  const call = new FlowingCall();
  const flows: FlowSink = { addFlow: (value, kind, path) => call.flows.add(value, kind, path) };
  const arguments_ = encodeValue(call.parameters, { root: "args", references, flows });
  const stream = session.openStream(call, headOf({ callable: "use" }), arguments_);
  call.stream = stream;
  call.flows.attach(session, stream, undefined);
  return call;
}

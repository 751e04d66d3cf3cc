/** Both ends of a dispatch relay as tests use them: a recorded gRPC stream, and a worker in memory or played by the test. */
import assert from "node:assert/strict";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { decodeValue } from "../../src/codec/decode/decoder.ts";
import { processReferences } from "../../src/routine/process-references.ts";
import type { RelaySink } from "../../src/transport/listener/dispatch/answers.ts";
import { DispatchRelay } from "../../src/transport/listener/dispatch/relay.ts";
import type { RelayChannel } from "../../src/transport/listener/dispatch/session.ts";
import type { CallStatus } from "../../src/transport/listener/server-call.ts";
import { RequestSchema, type Response, ResponseSchema, type TaskSchema } from "../../src/wire/gen/wire_pb.ts";
import { version, WIRE_CODEC } from "../../src/wire/version.ts";
import { eventually } from "./eventually.ts";
import { type MemoryCarrier, memoryPair } from "./memory-pair.ts";
import {
  type Body,
  batchOf,
  helloWith,
  payloadOf,
  TestWorker,
  type TestWorkerOptions,
} from "./protocol-peers.ts";

/** The caller's side of a stream, recorded. */
export class RecordedSink implements RelaySink {
  readonly responses: Uint8Array[] = [];
  /** How the stream ended, each time it did; more than one is an error of the relay. */
  readonly ends: (CallStatus | "ok")[] = [];

  response(bytes: Uint8Array): void {
    assert.equal(this.ends.length, 0, "a response after the end");
    this.responses.push(Uint8Array.from(bytes));
  }

  end(status?: CallStatus): void {
    this.ends.push(status ?? "ok");
  }

  /** Names of the responses' payloads, in order. */
  get kinds(): (string | undefined)[] {
    return this.messages.map(({ payload }) => payload.case);
  }

  get messages(): Response[] {
    return this.responses.map((bytes) => fromBinary(ResponseSchema, bytes));
  }

  /** Values of the results, exceptions and dones, in order. */
  get values(): unknown[] {
    return this.messages.flatMap(({ payload }) => {
      if (payload.case !== "result" && payload.case !== "exception" && payload.case !== "done") return [];
      const { dump } = payload.value;
      if (dump.length === 0) return [undefined];
      return [
        decodeValue(
          { bytes: dump, start: 0, end: dump.length, parts: [] },
          { references: processReferences },
        ),
      ];
    });
  }

  /** The gRPC status of the end; 0: OK. */
  get code(): number | undefined {
    const [end] = this.ends;
    return end === "ok" ? 0 : end?.code;
  }

  async ended(): Promise<void> {
    await eventually(() => this.ends.length > 0);
  }
}

/** A channel that keeps what is sent, for tests that play the worker. */
export class RecordedChannel implements RelayChannel {
  readonly batches: Uint8Array[] = [];
  closes = 0;

  send(batch: Uint8Array): void {
    assert.equal(this.closes, 0, "a batch after the close");
    this.batches.push(batch);
  }

  close(): void {
    this.closes += 1;
  }
}

/** Encodes a request with the generated bindings. */
export function requestOf(request: MessageInitShape<typeof RequestSchema>): Uint8Array {
  return toBinary(RequestSchema, create(RequestSchema, request));
}

/** A Task of a caller that knows only the original's grammar, but for the fields given. */
export function taskOf(
  routine: string,
  parameters: readonly unknown[] = [],
  fields: MessageInitShape<typeof TaskSchema> = {},
): Uint8Array {
  return requestOf({
    payload: {
      case: "task",
      value: {
        version,
        codec: WIRE_CODEC,
        callable: new TextEncoder().encode(routine),
        args: dumpOf(parameters),
        ...fields,
      },
    },
  });
}

export const NEXT: Uint8Array = requestOf({ payload: { case: "next", value: {} } });

/** A step with a value, or a return. */
export function stepOf(kind: "send" | "throw" | "return", value: unknown): Uint8Array {
  return requestOf({ payload: { case: kind, value: { dump: dumpOf(value) } } });
}

/** A value as payload without parts. */
function dumpOf(value: unknown): Uint8Array {
  const { bytes, start, end, parts } = payloadOf(value);
  assert.equal(parts.length, 0);
  return Uint8Array.from(bytes.subarray(start, end));
}

/** One `dispatch` stream to a worker in memory. */
export interface DispatchStream extends AsyncDisposable {
  readonly relay: DispatchRelay;
  readonly sink: RecordedSink;
  readonly worker: TestWorker;
  /** The relay's end of its session, and the worker's. */
  readonly carriers: { readonly client: MemoryCarrier; readonly server: MemoryCarrier };
  /** Resolves once so many responses have come. */
  responded(count: number): Promise<void>;
}

/** Opens a stream to a worker with these routines. */
export function useDispatch(
  bodies: Readonly<Record<string, Body>>,
  options: TestWorkerOptions = {},
): DispatchStream {
  const worker = new TestWorker(bodies, options);
  const carriers = memoryPair({ local: false });
  const sink = new RecordedSink();
  const relay = new DispatchRelay(
    { send: (batch) => carriers.client.inject(batch), close: () => carriers.client.close() },
    sink,
  );
  carriers.client.events = {
    batch: (bytes, start, end) => relay.batch(Uint8Array.from(bytes), start, end),
    drain: () => {},
    closed: (error) => relay.closed(error),
  };
  worker.tasks.serve(carriers.server);
  return {
    relay,
    sink,
    worker,
    carriers,
    responded: async (count) => {
      await eventually(() => sink.responses.length >= count);
    },
    async [Symbol.asyncDispose]() {
      relay.cancelled();
      worker.tasks.stopAll();
      carriers.client.close();
      await eventually(() => carriers.server.over && carriers.client.over);
    },
  };
}

/** What a Task of a caller with the whole grammar states. */
export const GRAMMAR = { features: [1] };

/** A batch with one frame of stream 1 around a response. */
export function batchAround(response: Uint8Array): Uint8Array {
  const frame = Buffer.concat([Buffer.from([0x08, 0x01, 0x1a, response.length]), response]);
  return Buffer.concat([Buffer.from([0x0a, frame.length]), frame]);
}

/** A relay whose worker is played by the test. */
export interface PlayedWorker {
  readonly channel: RecordedChannel;
  readonly sink: RecordedSink;
  readonly relay: DispatchRelay;
  /** Hands the relay a batch as the worker's. */
  play(batch: Uint8Array): void;
}

/** A relay whose worker is played by the test, with the Hellos exchanged and a Task sent. */
export function usePlayedWorker(fields: MessageInitShape<typeof TaskSchema> = {}): PlayedWorker {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);
  const play = (batch: Uint8Array): void => relay.batch(batch, 0, batch.length);
  play(batchOf((writer) => writer.hello(helloWith({ uid: "w1", session: 0 }))));
  relay.request(taskOf("a/b.ts#add", [1, 2], fields));
  return { channel, sink, relay, play };
}

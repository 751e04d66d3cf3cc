import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { GrpcServerStream } from "../../../../src/transport/listener/listen.ts";
import { StreamGuard } from "../../../../src/transport/listener/stream-guard.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

/** A stream of which only the end is of interest. */
class Stream extends EventEmitter {
  readonly codes: number[] = [];

  constructor() {
    super();
    this.on("error", ({ code }: { readonly code: number }) => this.codes.push(code));
  }

  get asServerStream(): GrpcServerStream {
    return this as unknown as GrpcServerStream;
  }
}

test("StreamGuard lets so many streams in, and another one when one has closed", () => {
  const guard = new StreamGuard({ maxStreams: 2, greetingMs: 60_000 });
  const streams = [new Stream(), new Stream(), new Stream(), new Stream()] as const;

  const admitted = streams.slice(0, 3).map((stream) => guard.admit(stream.asServerStream));
  streams[0].emit("close");
  admitted.push(guard.admit(streams[3].asServerStream));

  assert.deepEqual(admitted, [true, true, false, true]);
  assert.deepEqual(streams[2].codes, [8]);
  assert.equal(guard.open, 2);
  for (const stream of [streams[1], streams[3]]) stream.emit("close");
  assert.equal(guard.open, 0);
});

test("StreamGuard ends a stream on which nothing is said, and no other", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  const guard = new StreamGuard({ maxStreams: 9, greetingMs: 20 }, queue);
  const silent = new Stream();
  const talking = new Stream();
  const gone = new Stream();
  for (const stream of [silent, talking, gone]) guard.admit(stream.asServerStream);

  talking.emit("data", Buffer.alloc(1));
  gone.emit("close");
  await clock.advance(19);
  const early = silent.codes.length;
  await clock.advance(1);

  assert.equal(early, 0);
  assert.deepEqual([silent.codes, talking.codes, gone.codes], [[4], [], []]);
  assert.deepEqual([guard.open, queue.size], [2, 0]);
});

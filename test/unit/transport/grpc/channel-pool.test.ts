/** When connections for unary calls are shared, kept and closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Trust } from "../../../../src/credentials/trust.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { type GrpcChannelKey, GrpcChannelPool } from "../../../../src/transport/grpc/channel-pool.ts";
import { type FakeClock, useFakeClock } from "../../../support/use-fake-clock.ts";

class FakeChannel {
  usable = true;
  readonly #end = createDeferred();
  readonly closed = this.#end.promise;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  destroy(): void {
    this.usable = false;
    this.#end.resolve();
  }
}

function pooled(clock: FakeClock): {
  readonly pool: GrpcChannelPool<FakeChannel>;
  readonly opened: FakeChannel[];
} {
  const opened: FakeChannel[] = [];
  const pool = new GrpcChannelPool(async (key: GrpcChannelKey) => {
    const channel = new FakeChannel(`${key.address} ${opened.length}`);
    opened.push(channel);
    return channel;
  }, new DeadlineQueue(clock));
  return { pool, opened };
}

/** Credentials of which only the key counts. */
function trustNamed(key: string): Trust {
  return {
    policy: { mutual: true },
    key,
    current: () => Promise.reject(new Error("nobody connects")),
    follow: () => ({ [Symbol.dispose]() {} }),
  };
}

const A = { address: "10.0.0.7:1" };

test("GrpcChannelPool opens one connection for all who ask for the same at once", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);

  const uses = await Promise.all([pool.acquire(A), pool.acquire(A), pool.acquire(A)]);

  assert.equal(opened.length, 1);
  assert.equal(new Set(uses.map(({ channel }) => channel)).size, 1);
});

test("GrpcChannelPool tells addresses, settings and credentials apart, and knows a default from no setting", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);
  const keys = [
    A,
    { ...A, settings: {} },
    { ...A, settings: { keepaliveTime: 30_000, keepaliveTimeout: 10_000 } },
    { address: "10.0.0.8:1" },
    { ...A, settings: { keepaliveTime: 5 } },
    { ...A, trust: trustNamed("mine") },
    { ...A, trust: trustNamed("other") },
    { ...A, identity: "spiffe://farm/thumbs" },
  ];

  for (const key of keys) await pool.acquire(key);

  assert.equal(opened.length, 6);
  assert.equal(pool.size, 6);
});

test("GrpcChannelPool keeps a connection for 60 s after its last user, then closes it", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);
  const first = await pool.acquire(A);
  const second = await pool.acquire(A);

  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await clock.advance(120_000);
  const whileUsed = opened[0]?.usable;
  second[Symbol.dispose]();
  await clock.advance(59_999);
  const beforeTheEnd = opened[0]?.usable;
  await clock.advance(2);

  assert.deepEqual([whileUsed, beforeTheEnd, opened[0]?.usable], [true, true, false]);
  assert.equal(pool.size, 0);
  assert.equal(clock.timerCount, 0);
});

test("GrpcChannelPool starts the 60 s anew after each use", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);

  for (let round = 0; round < 5; round++) {
    const use = await pool.acquire(A);
    use[Symbol.dispose]();
    await clock.advance(50_000);
  }

  assert.equal(opened.length, 1);
  assert.equal(opened[0]?.usable, true);
});

test("GrpcChannelPool opens a new connection in place of one that has ended or will take no calls", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);
  const ended = await pool.acquire(A);
  ended.channel.destroy();
  await clock.advance(0);
  const leaving = await pool.acquire(A);
  leaving.channel.usable = false;

  const third = await pool.acquire(A);
  leaving[Symbol.dispose]();
  ended[Symbol.dispose]();

  assert.equal(opened.length, 3);
  assert.equal(third.channel.usable, true);
  // Nobody will find the one that was leaving, so it does not wait for anybody.
  await leaving.channel.closed;
});

test("GrpcChannelPool ends a connection nobody uses whose peer has announced its end", async () => {
  using clock = useFakeClock();
  const { pool, opened } = pooled(clock);
  const idle = await pool.acquire(A);
  idle[Symbol.dispose]();
  let ended = false;
  void idle.channel.closed.then(() => {
    ended = true;
  });
  idle.channel.usable = false;

  await pool.acquire(A);
  await clock.advance(0);

  assert.equal(opened.length, 2);
  assert.equal(ended, true);
});

test("GrpcChannelPool forgets a connection that could not be made", async () => {
  using clock = useFakeClock();
  let attempts = 0;
  const pool = new GrpcChannelPool<FakeChannel>(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error("refused");
    return new FakeChannel("second");
  }, new DeadlineQueue(clock));

  await assert.rejects(pool.acquire(A), { message: "refused" });
  const use = await pool.acquire(A);

  assert.equal(use.channel.name, "second");
});

test("GrpcChannelPool close ends connections in use, idle and being made, and can be used again", async () => {
  using clock = useFakeClock();
  const gate = createDeferred();
  const opened: FakeChannel[] = [];
  const pool = new GrpcChannelPool<FakeChannel>(async ({ address }) => {
    if (address === "slow:1") await gate.promise;
    const channel = new FakeChannel(address);
    opened.push(channel);
    return channel;
  }, new DeadlineQueue(clock));
  const used = await pool.acquire(A);
  (await pool.acquire({ address: "idle:1" }))[Symbol.dispose]();
  const slow = pool.acquire({ address: "slow:1" });

  const closing = pool.close();
  gate.resolve();
  await closing;
  used[Symbol.dispose]();
  (await slow)[Symbol.dispose]();
  const again = await pool.acquire(A);

  assert.deepEqual(
    opened.map(({ usable }) => usable),
    [false, false, false, true],
  );
  assert.equal(pool.size, 1);
  assert.equal(again.channel.usable, true);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ProvidedMaterial,
  type ProviderTimes,
} from "../../../../src/credentials/material/provided-material.ts";
import type { TrustMaterial } from "../../../../src/credentials/trust.ts";
import { WorkerCredentials } from "../../../../src/credentials/worker-credentials.ts";
import type { ProvidedCredentials } from "../../../../src/credentials/worker-credentials-options.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { createAuthority } from "../../../support/issue-certificate.ts";
import { type FakeClock, useFakeClock } from "../../../support/use-fake-clock.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

const root = createAuthority();

test("ProvidedMaterial asks nothing before it is asked, and then once for all who wait", async () => {
  using provided = provide();
  assert.equal(provided.calls, 0);

  const waiting = [provided.source.current(), provided.source.current()];
  const { key } = provided.answer();

  assert.deepEqual(new Set((await Promise.all(waiting)).map((material) => material.key)), new Set([key]));
  assert.equal(provided.calls, 1);
});

test("ProvidedMaterial gives what is fresh, then what is stale while it asks anew, then waits", async () => {
  using provided = provide({ freshForMs: 1_000, staleForMs: 5_000 });
  const first = await provided.answered();

  await provided.clock.advance(999);
  assert.equal(await provided.source.current(), first);
  assert.equal(provided.calls, 1);
  await provided.clock.advance(1);
  assert.equal(await provided.source.current(), first);
  assert.equal(await provided.source.current(), first);
  assert.equal(provided.calls, 2);
  const { key } = provided.answer();
  await provided.clock.advance(0);
  assert.equal((await provided.source.current()).key, key);
  await provided.clock.advance(6_000);
  const waiting = provided.source.current();
  const next = provided.answer();

  assert.equal((await waiting).key, next.key);
});

test("ProvidedMaterial stays with what it has while the function fails, and asks at each use again", async () => {
  using warnings = useWarnings();
  using provided = provide({ freshForMs: 1_000, staleForMs: 5_000 });
  const first = await provided.answered();
  for (let round = 1; round <= 4; round += 1) {
    await provided.clock.advance(1_000);
    assert.equal(await provided.source.current(), first);
    provided.fail(new Error("the vault is sealed"));
    await provided.clock.advance(0);
  }
  assert.equal(provided.calls, 5);
  assert.deepEqual(warnings.codes, ["MERINO_CREDENTIALS_NOT_RENEWED"]);

  await provided.clock.advance(2_000);
  const waiting = [provided.source.current(), provided.source.current()];
  provided.fail(new Error("the vault is sealed"));

  for (const promise of waiting) {
    await assert.rejects(promise, {
      code: "ERR_MERINO_CREDENTIALS",
      reason: "unavailable",
      message: /the vault is sealed/,
    });
  }
});

test("ProvidedMaterial waits for a new answer once the material's own time is over", async () => {
  using provided = provide({ freshForMs: Number.POSITIVE_INFINITY });
  const first = await provided.answered(root.issue({ days: 5 }));

  provided.setDate((first.endsAtMs ?? 0) + 1);
  const waiting = provided.source.current();
  const { key } = provided.answer(root.issue());

  assert.equal((await waiting).key, key);
});

test("ProvidedMaterial gives up a call that takes too long, warns of it before, and calls anew", async () => {
  using warnings = useWarnings();
  using provided = provide({ timeoutMs: 30_000 });
  const waiting = assert.rejects(provided.source.current(), { reason: "unavailable" });

  await provided.clock.advance(5_000);
  assert.deepEqual(warnings.codes, ["MERINO_CREDENTIALS_SLOW"]);
  await provided.clock.advance(25_000);
  await waiting;
  const late = provided.take();
  const again = provided.source.current();
  const { key } = provided.answer();
  assert.equal((await again).key, key);
  late.resolve(root.issue()); // older than what there is by now
  await provided.clock.advance(0);

  assert.equal(provided.source.known?.key, key);
  assert.equal(provided.queue.size, 0);
});

test("ProvidedMaterial asks about as often as an answer is fresh while somebody follows, and tells of what is new", async () => {
  using provided = provide({ freshForMs: 100 });
  await provided.answered();
  const seen: TrustMaterial[] = [];
  const following = provided.source.follow((material) => seen.push(material));

  const same = provided.last;
  await provided.clock.advance(1_000);
  provided.answer(same);
  await provided.clock.advance(0);
  await provided.clock.advance(1_000);
  const { key } = provided.answer();
  await provided.clock.advance(0);
  following[Symbol.dispose]();
  await provided.clock.advance(10_000);

  assert.equal(provided.calls, 3);
  assert.deepEqual(
    seen.map((material) => material.key),
    [key],
  );
  assert.equal(provided.queue.size, 0);
});

test("WorkerCredentials.provider checks what it gets, and says which part is at fault", async () => {
  const { ca, cert, key } = root.issue({ dns: ["a.example"] });
  const faults: readonly [unknown, string, string][] = [
    [undefined, "malformed", "the provider's 'ca'"],
    [{ cert, key }, "malformed", "the provider's 'ca'"],
    [{ ca, cert }, "malformed", "the provider's 'key'"],
    [{ ca, cert, key: 1 }, "malformed", "the provider's 'key'"],
    [{ ca, cert, key, passphrase: 1 }, "passphrase", "the provider's 'passphrase'"],
    [{ ca, cert, key: root.issue().key }, "mismatch", "the provider's 'key'"],
    [{ ca, cert: root.issue().cert, key }, "mismatch", "the provider's 'key'"],
  ];
  for (const [given, reason, source] of faults) {
    const credentials = WorkerCredentials.provider(() => given as ProvidedCredentials);
    await assert.rejects(credentials.trust.current(), { code: "ERR_MERINO_CREDENTIALS", reason, source });
  }
  const credentials = WorkerCredentials.provider(async () => ({ ca, cert: Buffer.from(cert), key }), {
    identity: "a.example",
  });
  assert.deepEqual(credentials.identities, []);
  await credentials.trust.current();
  assert.deepEqual(credentials.identities, ["a.example"]);
});

test("WorkerCredentials.provider refuses options that mean nothing", () => {
  const refused: readonly [string, unknown][] = [
    ["freshFor", { freshFor: -1 }],
    ["staleFor", { staleFor: Number.NaN }],
    ["timeout", { timeout: 0 }],
    ["ca", { ca: "x" }],
    ["mutual", { mutual: "yes" }],
  ];
  for (const [option, options] of refused) {
    assert.throws(() => WorkerCredentials.provider(() => ({}), options as object), { option });
  }
  assert.throws(() => WorkerCredentials.provider(undefined as never), { option: "provide" });
});

interface Provided extends Disposable {
  readonly source: ProvidedMaterial;
  readonly clock: FakeClock;
  readonly queue: DeadlineQueue;
  readonly calls: number;
  readonly last: ProvidedCredentials;
  /** Answers the oldest call that waits. */
  answer(given?: ProvidedCredentials): ProvidedCredentials;
  fail(error: Error): void;
  /** Takes the oldest call that waits, to answer it later or never. */
  take(): { resolve(given: ProvidedCredentials): void; reject(error: Error): void };
  /** Asks, and answers. */
  answered(given?: ProvidedCredentials): Promise<TrustMaterial>;
  setDate(ms: number): void;
}

function provide(times: Partial<ProviderTimes> = {}): Provided {
  const clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  let date: number | undefined;
  let calls = 0;
  let last: ProvidedCredentials = {};
  const waiting: ReturnType<typeof createDeferred<ProvidedCredentials>>[] = [];
  const source = new ProvidedMaterial(
    () => {
      calls += 1;
      const call = createDeferred<ProvidedCredentials>();
      waiting.push(call);
      return call.promise;
    },
    { mutual: true },
    { freshForMs: 1_000, staleForMs: Number.POSITIVE_INFINITY, timeoutMs: 30_000, ...times },
    { queue, date: () => date ?? Date.now() },
  );
  const take = (): ReturnType<typeof createDeferred<ProvidedCredentials>> => {
    const call = waiting.shift();
    assert.ok(call !== undefined, "nobody has called");
    return call;
  };
  const answer = (given: ProvidedCredentials = root.issue()): ProvidedCredentials => {
    take().resolve(given);
    last = given;
    return given;
  };
  return {
    source,
    clock,
    queue,
    get calls() {
      return calls;
    },
    get last() {
      return last;
    },
    answer,
    fail: (error) => take().reject(error),
    take,
    answered(given) {
      const asked = source.current();
      answer(given);
      return asked;
    },
    setDate: (ms) => {
      date = ms;
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

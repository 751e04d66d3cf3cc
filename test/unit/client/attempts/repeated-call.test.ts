/**
 * A call and its attempts, with every pair and triple of events: whatever comes first, the call settles once, nothing of
 * it is left, and what comes later changes nothing.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Attempt } from "../../../../src/client/attempts/attempt.ts";
import type {
  AttemptCarrier,
  AttemptOutcome,
  PausingCall,
} from "../../../../src/client/attempts/attempt-carrier.ts";
import { AttemptHistory } from "../../../../src/client/attempts/attempt-history.ts";
import { RepeatedCall } from "../../../../src/client/attempts/repeated-call.ts";
import type { CallLoss } from "../../../../src/client/call/call.ts";
import { RoutineLimits } from "../../../../src/client/members/routine-limits.ts";
import type { IdempotentCallOptions } from "../../../../src/context/dispatcher.ts";
import { TimeoutError } from "../../../../src/errors/timeout-error.ts";
import { WorkerLostError } from "../../../../src/errors/worker-lost-error.ts";
import { type RepeatOptions, repetitionOf } from "../../../../src/identity/repeat-options.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import { BodyTimeEstimates } from "../../../../src/internal/body-time-estimate.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import type { ReceivedMessage } from "../../../../src/session/messages/received-message.ts";
import { createNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";
import { keepAliveCount } from "../../../support/keep-alive-count.ts";
import { payloadOf } from "../../../support/protocol-peers.ts";

const AT_ONCE = { initial: 0, max: 0 };

/** A carrier whose attempts the test answers. The first worker is "w1", the next "w2" and so on. */
function useCall(
  repeats: RepeatOptions,
  {
    options,
    room = true,
    attemptOver = () => {},
  }: { options?: IdempotentCallOptions; room?: boolean; attemptOver?: () => void } = {},
) {
  const attempts: Attempt[] = [];
  const over: Array<readonly [number, AttemptOutcome]> = [];
  const settled: AttemptOutcome[] = [];
  const counts = { retried: 0, hedged: 0, throttled: 0 };
  const pausing = new Set<PausingCall>();
  let stream = 0;
  const send = (attempt: Attempt): void => {
    attempts.push(attempt);
    stream += 1;
    attempt.sent(stubMember(`w${stream}`), stream);
  };
  const carrier: AttemptCarrier = {
    references: processReferences,
    hasThreads: false,
    bodyTimes: new BodyTimeEstimates(),
    limits: new RoutineLimits(),
    send,
    sendElsewhere(attempt) {
      if (room) send(attempt);
      return room;
    },
    hedgeRefused() {},
    attemptOver(attempt, outcome) {
      over.push([attempt.number, outcome]);
      attemptOver();
    },
    pauses: (call) => pausing.add(call),
    resumes: (call) => pausing.delete(call),
    repeated: (how) => {
      counts[how] += 1;
    },
    settled: (_last, outcome) => settled.push(outcome),
    accepted() {},
    waits() {},
    spoiled() {},
    threw() {},
    refused: (call) => call.fail(new Error("refused")),
    lost: (call, _member, loss: CallLoss) => call.fail(loss.error),
  };
  const definition: RoutineDefinition = {
    id: "price",
    name: "price",
    module: undefined,
    kind: "function",
    body: () => assert.fail("it ran here"),
    declaredIn: undefined,
    timeoutMs: undefined,
    repetition: { retry: undefined, hedge: undefined },
    routine: {},
  };
  const repetition = repetitionOf({ retry: undefined, hedge: undefined }, repeats);
  assert.ok(repetition !== undefined);
  const history = new AttemptHistory();
  const request = { definition, receiver: undefined, parameters: ["tea"], options, parent: undefined };
  const call = new RepeatedCall(carrier, request, {
    repetition,
    history,
    record: undefined,
    trace: undefined,
    context: undefined,
  });
  const outcome = call.promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  call.start();
  return {
    attempts,
    over,
    settled,
    counts,
    pausing,
    history,
    call,
    outcome,
    at: (number: number): Attempt => attempts[number - 1] ?? assert.fail(`no attempt ${number}`),
    async sent(count: number): Promise<void> {
      await eventually(() => attempts.length === count);
    },
  };
}

function answer(value: unknown): ReceivedMessage {
  // The fields that a call looks at.
  return {
    ...payloadOf(value),
    empty: false,
    bodyUs: 0,
    source: { local: true },
    attachments: [],
  } as unknown as ReceivedMessage;
}

const lose = (attempt: Attempt): void =>
  attempt.lost(new WorkerLostError("gone", { uid: attempt.lastUid }), true);
const closed = new Error("closed");
const cancelled = new Error("cancelled");

type Call = ReturnType<typeof useCall>;

/** Something that may happen to a call with two attempts under way. */
interface Event {
  readonly run: (t: Call) => void;
  /** The attempt that it happens to; absent: to the call. */
  readonly attempt?: number;
  /** What the call settles with then, whatever the other attempt does. */
  readonly settles?: string;
  /** What it settles with if that was the last attempt under way. */
  readonly last?: string;
}

const EVENTS: Readonly<Record<string, Event>> = {
  "the first answers": { attempt: 1, run: (t) => t.at(1).done(answer("one")), settles: "one" },
  "the second answers": { attempt: 2, run: (t) => t.at(2).done(answer("two")), settles: "two" },
  "the first throws": {
    attempt: 1,
    run: (t) => t.at(1).exception(answer(new RangeError("1"))),
    settles: "RangeError: 1",
  },
  "the second throws": {
    attempt: 2,
    run: (t) => t.at(2).exception(answer(new RangeError("2"))),
    settles: "RangeError: 2",
  },
  "the first is lost": { attempt: 1, run: (t) => lose(t.at(1)), last: "lost" },
  "the second is lost": { attempt: 2, run: (t) => lose(t.at(2)), last: "lost" },
  "the second is refused": {
    attempt: 2,
    run: (t) => t.at(2).refused(createNack(NackCode.FULL, "full")),
    last: "Error: refused",
  },
  "the first is too long": { attempt: 1, run: (t) => t.at(1).expired(5, "runTimeout"), last: "timeout" },
  "the second is too long": { attempt: 2, run: (t) => t.at(2).expired(5, "runTimeout"), last: "timeout" },
  "the time is up": {
    run: (t) => {
      for (const attempt of [...t.attempts]) attempt.expired(1, "timeout");
    },
    settles: "timeout",
  },
  "it is cancelled": { run: (t) => t.call.abort(cancelled), settles: "Error: cancelled" },
  "the pool closes": {
    run: (t) => {
      for (const attempt of [...t.attempts]) attempt.abort(closed);
    },
    settles: "Error: closed",
  },
};

/** What the call settles with; undefined if it goes on. */
function expected(names: readonly string[]): string | undefined {
  const underWay = new Set([1, 2]);
  for (const name of names) {
    const { attempt, settles, last } = EVENTS[name] ?? assert.fail(name);
    if (attempt !== undefined && !underWay.has(attempt)) continue;
    if (settles !== undefined) return settles;
    if (attempt !== undefined) underWay.delete(attempt);
    if (underWay.size === 0) return last;
  }
  return undefined;
}

/** What is left to happen: a stream ends once. */
const ENDS: Readonly<Record<string, number>> = {
  "the first answers": 1,
  "the first throws": 1,
  "the first is lost": 1,
  "the second answers": 2,
  "the second throws": 2,
  "the second is lost": 2,
  "the second is refused": 2,
};

async function shown(t: Call): Promise<string> {
  const outcome = await t.outcome;
  if ("value" in outcome) return String(outcome.value);
  if (outcome.error instanceof WorkerLostError && !/nested/.test(outcome.error.message)) return "lost";
  return outcome.error instanceof TimeoutError ? "timeout" : String(outcome.error);
}

describe("RepeatedCall", () => {
  for (const first of Object.keys(EVENTS)) {
    test(`settles once, whatever follows when ${first}`, async () => {
      for (const second of Object.keys(EVENTS)) {
        for (const third of Object.keys(EVENTS)) {
          const names = [first, second, third];
          const streams = names.map((name) => ENDS[name]).filter((stream) => stream !== undefined);
          if (new Set(streams).size !== streams.length) continue;
          const alive = keepAliveCount();
          const t = useCall({ hedge: { after: 0.01 } });
          await t.sent(2);

          for (const name of names) EVENTS[name]?.run(t);

          const what = names.join(", ");
          const end = expected(names);
          assert.equal(t.settled.length, end === undefined ? 0 : 1, what);
          t.call.abort(cancelled);
          assert.equal(await shown(t), end ?? "Error: cancelled", what);
          assert.equal(t.settled.length, 1, what);
          assert.ok(
            t.attempts.every((attempt) => attempt.settled),
            what,
          );
          assert.deepEqual(t.over.map(([number]) => number).sort(), [1, 2], what);
          assert.equal(keepAliveCount(), alive, what);
          assert.equal(t.pausing.size, 0);
        }
      }
    });
  }

  test("tells the worker of an attempt that is not needed any more", async () => {
    const t = useCall({ hedge: { after: 0.01 } });
    await t.sent(2);

    t.at(2).done(answer("two"));

    assert.equal(await shown(t), "two");
    assert.deepEqual(t.over, [
      [2, "completed"],
      [1, "cancelled"],
    ]);
    assert.deepEqual(t.counts, { retried: 0, hedged: 1, throttled: 0 });
  });

  test("tries again after a worker was lost, as often as it may", async () => {
    const t = useCall({ retry: { attempts: 3, backoff: AT_ONCE } });

    lose(t.at(1));
    assert.equal(t.pausing.size, 1);
    await t.sent(2);
    lose(t.at(2));
    await t.sent(3);
    lose(t.at(3));

    assert.equal(await shown(t), "lost");
    assert.deepEqual(t.counts, { retried: 2, hedged: 0, throttled: 0 });
    assert.deepEqual(t.settled, ["failed"]);
    assert.equal(t.pausing.size, 0);
  });

  test("does not repeat what a body has thrown, unless its caller says so", async () => {
    const plain = useCall({ retry: { backoff: AT_ONCE } });
    plain.at(1).exception(answer(new RangeError("no")));
    assert.equal(await shown(plain), "RangeError: no");

    const seen: unknown[] = [];
    const on = (error: unknown, failed: unknown): boolean => {
      seen.push(failed);
      return error instanceof RangeError;
    };
    const told = useCall({ retry: { backoff: AT_ONCE, on } });
    told.at(1).exception(answer(new RangeError("no")));
    await told.sent(2);
    told.at(2).done(answer("two"));
    assert.equal(await shown(told), "two");
    assert.deepEqual(seen, [{ attempt: 1, lost: false }]);
  });

  test("repeats a call that its worker has had to let go of", async () => {
    const t = useCall({ retry: { backoff: AT_ONCE } });
    t.at(1).exception(answer(new WorkerLostError("stopped", { uid: "w1" }, { reason: "stopped" })));
    await t.sent(2);
    // What a body has lost itself is its own error.
    t.at(2).exception(answer(new WorkerLostError("nested", { uid: "w9" })));
    assert.match(await shown(t), /nested/);
  });

  test("rejects with what the predicate throws, and if it gives no boolean", async () => {
    const bad = useCall({
      retry: {
        backoff: AT_ONCE,
        on: () => {
          throw new TypeError("mine");
        },
      },
    });
    lose(bad.at(1));
    assert.equal(await shown(bad), "TypeError: mine");

    const vague = useCall({ retry: { backoff: AT_ONCE, on: (() => 1) as never } });
    lose(vague.at(1));
    assert.match(await shown(vague), /InvalidOptionError.*retry\.on/);
  });

  test("is not tried again once its predicate has ended it", async () => {
    for (const error of [undefined, new RangeError("no")]) {
      const alive = keepAliveCount();
      const controller = new AbortController();
      const on = (): boolean => {
        controller.abort(cancelled);
        return true;
      };
      const t = useCall({ retry: { backoff: AT_ONCE, on } }, { options: { signal: controller.signal } });

      if (error === undefined) lose(t.at(1));
      else t.at(1).exception(answer(error));

      assert.equal(await shown(t), "Error: cancelled");
      assert.equal(t.pausing.size, 0);
      await new Promise(setImmediate);
      assert.equal(t.attempts.length, 1);
      assert.deepEqual(t.settled, ["cancelled"]);
      assert.deepEqual(t.counts, { retried: 0, hedged: 0, throttled: 0 });
      assert.equal(keepAliveCount(), alive);
    }
  });

  test("settles once, though whoever is told of the end of its attempt ends it", async () => {
    const alive = keepAliveCount();
    const t = useCall({ retry: { backoff: AT_ONCE } }, { attemptOver: () => t.call.abort(cancelled) });

    t.at(1).done(answer("one"));

    assert.equal(await shown(t), "Error: cancelled");
    assert.deepEqual(t.settled, ["cancelled"]);
    assert.equal(keepAliveCount(), alive);
  });

  test("stops at once while it waits to try again", async () => {
    const controller = new AbortController();
    const t = useCall(
      { retry: { backoff: { initial: 60_000, max: 60_000 } } },
      { options: { signal: controller.signal } },
    );
    lose(t.at(1));

    controller.abort(cancelled);

    assert.equal(await shown(t), "Error: cancelled");
    assert.equal(t.pausing.size, 0);
    assert.equal(t.attempts.length, 1);
    assert.deepEqual(t.settled, ["cancelled"]);
  });

  test("fails at once where the wait would go beyond its timeout", async () => {
    const t = useCall(
      { retry: { backoff: { initial: 60_000, max: 60_000 } } },
      { options: { timeout: 30_000 } },
    );
    lose(t.at(1));

    assert.equal(await shown(t), "lost");
    assert.deepEqual(t.counts, { retried: 0, hedged: 0, throttled: 0 });
  });

  test("gives later attempts what is left of its timeout, and tells of the whole", async () => {
    const t = useCall({ retry: { backoff: AT_ONCE } }, { options: { timeout: 30_000 } });
    lose(t.at(1));
    await t.sent(2);

    t.at(2).expired(29_000, "timeout");

    const outcome = await t.outcome;
    assert.ok("error" in outcome && outcome.error instanceof TimeoutError);
    assert.equal(outcome.error.timeout, 30_000);
    assert.deepEqual(t.settled, ["cancelled"]);
  });

  test("sends no hedge where nobody has room, and gives its token back", async () => {
    const t = useCall(
      { retry: { attempts: 1, budget: { tokens: 1, ratio: 0 } }, hedge: { after: 0.01 } },
      { room: false },
    );
    await eventually(() => t.over.length > 0);

    t.at(1).done(answer("one"));

    assert.equal(await shown(t), "one");
    assert.deepEqual(t.counts, { retried: 0, hedged: 0, throttled: 0 });
    assert.equal(t.history.take({ tokens: 1, ratio: 0 }), true);
  });

  test("makes no more attempts than the budget of all calls has tokens", async () => {
    const budget = { tokens: 2, ratio: 0 };
    const t = useCall({ retry: { attempts: 10, backoff: AT_ONCE, budget } });
    for (const number of [1, 2, 3]) {
      await t.sent(number);
      lose(t.at(number));
    }

    assert.equal(await shown(t), "lost");
    assert.deepEqual(t.counts, { retried: 2, hedged: 0, throttled: 1 });
  });

  test("ends with an aborted signal before anything is sent", async () => {
    const alive = keepAliveCount();
    const t = useCall({ retry: {} }, { options: { signal: AbortSignal.abort(cancelled) } });

    assert.equal(await shown(t), "Error: cancelled");
    assert.equal(t.attempts.length, 0);
    assert.equal(keepAliveCount(), alive);
  });
});

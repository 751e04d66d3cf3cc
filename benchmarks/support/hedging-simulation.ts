/**
 * Calls on eight workers of which one stalls at random, or on which all calls are lost, in simulated time: what decides
 * about attempts is the library's own code, and only workers and time are simulated. So the figures are the same on any
 * machine.
 */

import { after, now, runOut } from "./simulated-time.ts";

// The library comes second: its deadlines are kept by what is above. The blank line keeps the formatter from sorting.

import type { Attempt } from "../../src/client/attempts/attempt.ts";
import type { AttemptCarrier } from "../../src/client/attempts/attempt-carrier.ts";
import { AttemptHistory } from "../../src/client/attempts/attempt-history.ts";
import { RepeatedCall } from "../../src/client/attempts/repeated-call.ts";
import type { Member } from "../../src/client/members/member.ts";
import { RoutineLimits } from "../../src/client/members/routine-limits.ts";
import { WorkerLostError } from "../../src/errors/worker-lost-error.ts";
import { type RepeatOptions, resolveHedge, resolveRetry } from "../../src/identity/repeat-options.ts";
import type { RoutineDefinition } from "../../src/identity/routine-definition.ts";
import { BodyTimeEstimates } from "../../src/internal/body-time-estimate.ts";
import { processReferences } from "../../src/routine/process-references.ts";
import type { ReceivedMessage } from "../../src/session/messages/received-message.ts";
/** What is simulated. */
export interface Simulation extends RepeatOptions {
  readonly calls: number;
  /** From which share of the calls on every attempt is lost. Default: none is. */
  readonly outageFrom?: number;
}

/** What has come of it. */
export interface SimulationFigures {
  /** Of each call that has completed, the milliseconds that it took. */
  readonly tookMs: readonly number[];
  readonly failed: number;
  /** Attempts beside the first of each call: retries and hedges. */
  readonly extra: number;
  /** Such attempts that the budget has not allowed. */
  readonly throttled: number;
}

const WORKERS = 8;
const CALLS_PER_SECOND = 500;
/** The median of what a body takes, and the deviation of its logarithm. */
const BODY_MS = 4;
const BODY_SPREAD = 0.4;
const STALL_MS = 100;
/** Between stalls, on average: one worker or another stands still for a tenth of the time. */
const BETWEEN_STALLS_MS = 900;

/** A worker: whatever is due while it stalls is due when it no longer does. */
interface Worker {
  readonly member: Member;
  inFlight: number;
  stalledUntilMs: number;
}

/** Runs it. The same calls come and the same workers stall, whatever the options are. */
export async function simulate({
  calls,
  outageFrom = 1,
  ...options
}: Simulation): Promise<SimulationFigures> {
  const random = randomNumbers(7);
  const bodies = randomNumbers(11);
  const stalls = randomNumbers(13);
  const workers = Array.from({ length: WORKERS }, (_, index) => createWorker(`w${index}`));
  const counts = { retried: 0, hedged: 0, throttled: 0 };
  const tookMs: number[] = [];
  let failed = 0;
  let made = 0;
  let stream = 0;

  const send = (attempt: Attempt, than: ReadonlySet<string>): boolean => {
    const others = workers.filter(({ member }) => !than.has(member.uid));
    const [first, ...rest] = others.length > 0 ? others : workers;
    if (first === undefined) return false;
    // The least busy, and among equals any.
    let worker = first;
    let count = 1;
    for (const other of rest) {
      if (other.inFlight > worker.inFlight) continue;
      count = other.inFlight < worker.inFlight ? 1 : count + 1;
      if (bodies() < 1 / count) worker = other;
    }
    worker.inFlight += 1;
    stream += 1;
    attempt.sent(worker.member, stream);
    const isLost = made > calls * outageFrom;
    const end = (): void => {
      if (now() < worker.stalledUntilMs) {
        after(worker.stalledUntilMs - now(), end);
        return;
      }
      worker.inFlight -= 1;
      if (isLost) attempt.lost(new WorkerLostError("an outage", { uid: worker.member.uid }), true);
      else attempt.done(NOTHING);
    };
    after(BODY_MS * Math.exp(BODY_SPREAD * normal(bodies)), end);
    return true;
  };
  const carrier: AttemptCarrier = {
    references: processReferences,
    hasThreads: false,
    bodyTimes: new BodyTimeEstimates(),
    limits: new RoutineLimits(),
    send: (attempt, than) => void send(attempt, than),
    sendElsewhere: send,
    repeated: (how) => {
      counts[how] += 1;
    },
    lost: (call, _member, { error }) => call.fail(error),
    refused: (call) => call.fail(new Error("refused")),
    hedgeRefused() {},
    attemptOver() {},
    pauses() {},
    resumes() {},
    settled() {},
    accepted() {},
    waits() {},
    spoiled() {},
    threw() {},
  };
  const repetition = { retry: resolveRetry(options.retry), hedge: resolveHedge(options.hedge) };
  const history = new AttemptHistory();
  const settings = { repetition, history, record: undefined, trace: undefined, context: undefined };

  const make = (): void => {
    made += 1;
    const sinceMs = now();
    const request = {
      definition: ROUTINE,
      receiver: undefined,
      parameters: [],
      options: undefined,
      parent: undefined,
    };
    const settled: AttemptCarrier["settled"] = (_last, outcome) => {
      if (outcome === "completed") tookMs.push(now() - sinceMs);
      else failed += 1;
    };
    const call = new RepeatedCall({ ...carrier, settled }, request, settings);
    call.promise.catch(() => {});
    call.start();
    if (made < calls) after((-1_000 * Math.log(1 - random())) / CALLS_PER_SECOND, make);
  };
  const stall = (): void => {
    if (made >= calls) return;
    const worker = workers[Math.floor(stalls() * WORKERS)];
    if (worker !== undefined) worker.stalledUntilMs = now() + STALL_MS;
    after(STALL_MS - BETWEEN_STALLS_MS * Math.log(1 - stalls()), stall);
  };
  make();
  stall();
  await runOut();
  return { tookMs, failed, extra: counts.retried + counts.hedged, throttled: counts.throttled };
}

const ROUTINE: RoutineDefinition = {
  id: "simulated",
  name: "simulated",
  module: undefined,
  kind: "function",
  body: () => undefined,
  declaredIn: undefined,
  timeoutMs: undefined,
  repetition: { retry: undefined, hedge: undefined },
  routine: {},
};

// With no more than what attempts look at.
const NOTHING = {
  empty: true,
  bodyUs: 0,
  variables: undefined,
  attachments: [],
} as unknown as ReceivedMessage;

function createWorker(uid: string): Worker {
  const member = {
    uid,
    inFlight: 0,
    permits: 0,
    aheadUs: 0,
    aheadCount: 0,
    transferUs: 0,
    transferCount: 0,
    completed: 0,
    session: undefined,
    moved() {},
    eased() {},
  };
  return { member: member as unknown as Member, inFlight: 0, stalledUntilMs: 0 };
}

/** Uniform numbers in [0, 1), the same each time (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number of the normal distribution. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

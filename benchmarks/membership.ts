/**
 * What does it cost to have many workers? The same calls over 2 and over 1 000 simulated ones, one at a time,
 * 100 and 10 000 in flight, with each balancer; and how long it takes to admit a thousand. The workers are in
 * this process and answer at once, so what is measured is the caller's side; see `support/simulated-worker.ts`.
 *
 * Two things differ with the number of workers that are no cost of having to choose: calls that go to more
 * workers travel in more and smaller batches, and what belongs to a thousand connections does not fit into a
 * processor's cache. Hence the rows with answers that are batched or not, and those without a balancer: the
 * next worker, whoever it is. The targets are for the default policy; for 1 and 100 in flight with answers one
 * by one, as on two workers batches would be fifty times those on a thousand.
 *
 * Run with `node --import tsx benchmarks/membership.ts`, options `--quick --json --check`.
 */
import type { Balancer } from "../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../src/balancer/least-busy-balancer.ts";
import { RoundRobinBalancer } from "../src/balancer/round-robin-balancer.ts";
import { StickyBalancer } from "../src/balancer/sticky-balancer.ts";
import { CallDispatcher } from "../src/client/dispatch/call-dispatcher.ts";
import { Membership } from "../src/client/membership/membership.ts";
import type { RoutineDefinition } from "../src/identity/routine-definition.ts";
import { processReferences } from "../src/routine/process-references.ts";
import { DEFAULT_LIMITS } from "../src/session/limits.ts";
import { version, WIRE_CODEC } from "../src/wire/version.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { type Answers, SimulatedWorker } from "./support/simulated-worker.ts";
import { median, medianRatio } from "./support/statistics.ts";
import { atMost } from "./support/target.ts";

const SIZES = [2, 1_000] as const;
const ANSWERS: readonly Answers[] = ["each", "batched"];
const IN_FLIGHT = [1, 100, 10_000] as const;

const NOOP: RoutineDefinition = {
  id: "benchmarks/membership.ts#noop",
  name: "noop",
  module: undefined,
  kind: "function",
  body() {},
  declaredIn: undefined,
  timeoutMs: undefined,
  routine: {},
};

interface Policy {
  readonly name: string;
  readonly create: () => Balancer;
  readonly tagged: boolean;
}

const POLICIES: readonly Policy[] = [
  { name: "none", create: anyone, tagged: false },
  { name: "LeastBusyBalancer", create: () => new LeastBusyBalancer(), tagged: false },
  { name: "RoundRobinBalancer", create: () => new RoundRobinBalancer(), tagged: false },
  { name: "StickyBalancer", create: () => new StickyBalancer(), tagged: true },
];

/** Names the next worker and looks at none: what a call costs when nothing is chosen. */
function anyone(): Balancer {
  let turn = 0;
  return {
    *delegate(_task, view) {
      for (const { uid } of view) if ((yield uid) !== undefined) return;
    },
    pick: (_task, view) => turn++ % view.length,
  };
}

/** Simulated workers and what calls them. */
class Fleet {
  readonly size: number;
  readonly dispatcher: CallDispatcher;
  readonly #membership: Membership;
  readonly #workers: SimulatedWorker[] = [];
  readonly #tagged: boolean;
  #batches = 0;

  constructor(size: number, policy: Policy, answers: Answers) {
    this.size = size;
    this.#tagged = policy.tagged;
    this.#membership = new Membership({
      rules: { version, secure: false, hostId: "benchmark", filter: undefined },
      capacity: undefined,
      reserved: 0,
      quorum: 0,
      connect: async ({ uid }) => {
        const worker = new SimulatedWorker(uid, answers);
        this.#workers.push(worker);
        return worker;
      },
      hello: () => ({
        session: 1,
        version,
        uid: "benchmark",
        runtime: "node",
        codecs: [WIRE_CODEC],
        features: [],
        limits: DEFAULT_LIMITS,
      }),
      connectTimeoutMs: 60_000,
      events: { ready() {}, unreachable() {} },
    });
    this.dispatcher = new CallDispatcher({
      references: processReferences,
      balancer: policy.create(),
      members: this.#membership,
      supply: {
        memberDue: true,
        replacementDue: true,
        lastStartError: undefined,
        describeLoss: async ({ uid }) => ({ uid }),
        unresponsive() {},
        importFailed: () => false,
      },
      waitTimeoutMs: 60_000,
      killGraceMs: 60_000,
    });
  }

  /** Announces the workers and waits until each has greeted. */
  async admit(): Promise<void> {
    for (let n = 0; n < this.size; n++) {
      const worker = { uid: `worker-${n}`, address: `unix:/worker-${n}`, pid: n, version };
      this.#membership.observe({
        type: "worker-added",
        worker: { ...worker, tags: [], extra: {}, secure: false, options: {} },
      });
    }
    while (this.#membership.ready.view.length < this.size) await nextTurn();
  }

  /** Batches that its workers have answered. */
  get batches(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.batches, this.#batches);
  }

  /** @returns Microseconds of CPU per call. */
  async call(calls: number, inFlight: number): Promise<number> {
    let left = calls;
    const caller = async (index: number): Promise<void> => {
      const options = this.#tagged ? { tag: `tag-${index}` } : undefined;
      const request = {
        definition: NOOP,
        receiver: undefined,
        parameters: [1, 2],
        options,
        parent: undefined,
      };
      while (left-- > 0) await this.dispatcher.call(request);
    };
    const start = process.cpuUsage();
    await Promise.all(Array.from({ length: inFlight }, (_, index) => caller(index)));
    return cpuUs(start) / calls;
  }

  close(): void {
    this.#membership.close();
  }
}

interface Row {
  readonly balancer: string;
  readonly answers: Answers;
  readonly inFlight: number;
  /** Microseconds of CPU per call. */
  readonly fewUs: number;
  readonly manyUs: number;
  readonly ratio: number;
  /** Calls that travelled together, on average. */
  readonly fewPerBatch: number;
  readonly manyPerBatch: number;
}

async function measureMembership({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 3 : 9;
  const admissions: number[] = [];
  const rows: Row[] = [];
  const combinations = POLICIES.flatMap((policy) => ANSWERS.map((answers) => ({ policy, answers })));
  for (const { policy, answers } of combinations) {
    const [few, many] = SIZES.map((size) => new Fleet(size, policy, answers));
    if (few === undefined || many === undefined) throw new Error("two sizes are compared");
    await few.admit();
    const start = process.cpuUsage();
    await many.admit();
    admissions.push(cpuUs(start) / 1e6);
    for (const inFlight of IN_FLIGHT) {
      note(`${policy.name}, answers ${answers}: ${inFlight} in flight`);
      const figures = await compare(few, many, { inFlight, rounds, quick });
      rows.push({ balancer: policy.name, answers, ...figures });
    }
    few.close();
    many.close();
  }
  const admission = median(admissions);
  const targets = rows
    .filter(({ balancer, answers, inFlight }) => {
      return balancer === "LeastBusyBalancer" && answers === (inFlight === 10_000 ? "batched" : "each");
    })
    .map(({ inFlight, ratio }) =>
      atMost(`a call with ${inFlight} in flight, 1 000 workers against 2`, ratio, 1.2, "×"),
    );
  return {
    data: { sizes: SIZES, rounds, admissionSeconds: admission, calls: rows },
    tables: [
      {
        title: "CPU per call, µs",
        head: ["balancer", "answers", "in flight", "2 workers", "1 000", "ratio", "calls/batch", "1 000"],
        rows: rows.map((row) => [
          row.balancer,
          row.answers,
          row.inFlight.toLocaleString("en-US"),
          row.fewUs.toFixed(2),
          row.manyUs.toFixed(2),
          row.ratio.toFixed(2),
          row.fewPerBatch.toFixed(1),
          row.manyPerBatch.toFixed(1),
        ]),
      },
    ],
    targets: [...targets, atMost("CPU to admit 1 000 workers", admission, 1, "s")],
  };
}

/** Measures both in turn, so that a slow moment of the machine slows both. */
async function compare(
  few: Fleet,
  many: Fleet,
  options: { readonly inFlight: number; readonly rounds: number; readonly quick: boolean },
): Promise<Omit<Row, "balancer" | "answers">> {
  const { inFlight, rounds, quick } = options;
  const calls = (inFlight === 1 ? 8_000 : 60_000) / (quick ? 4 : 1);
  const fewUs: number[] = [];
  const manyUs: number[] = [];
  await few.call(calls, inFlight);
  await many.call(calls, inFlight);
  const before = [few.batches, many.batches] as const;
  for (let round = 0; round < rounds; round++) {
    fewUs.push(await few.call(calls, inFlight));
    manyUs.push(await many.call(calls, inFlight));
  }
  return {
    inFlight,
    fewUs: median(fewUs),
    manyUs: median(manyUs),
    ratio: medianRatio(manyUs, fewUs),
    fewPerBatch: (calls * rounds) / (few.batches - before[0]),
    manyPerBatch: (calls * rounds) / (many.batches - before[1]),
  };
}

function cpuUs(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

await runBenchmark("membership", measureMembership);

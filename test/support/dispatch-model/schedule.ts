/** Schedules: random events of callers and workers, the same ones for the same seed. */

import type { Nack } from "../../../src/wire/frames.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { Random } from "../../fuzz/random.ts";
import type { ModelStream, ModelWorker, ModelWorkerKind } from "./model-worker.ts";
import { advance, type ModelRoutine, ModelWorld, type Policy, settle } from "./model-world.ts";

/** Events of a schedule, at most. */
const MOST_EVENTS = 28;
/** Short calls that come one after the other. */
const MOST_FLOOD = 160;
/** Rounds after which what is still under way has been forgotten. */
const MOST_ROUNDS = 400;

const POLICIES: readonly Policy[] = [
  "least-busy",
  "least-busy",
  "least-busy",
  "round-robin",
  "sticky",
  "insists",
  "delegates",
  "delegates-late",
];

/** Runs one schedule. @throws If something is not as it has to be; the error names the seed and says what has happened. */
export async function runSchedule(seed: number): Promise<void> {
  const random = new Random(seed);
  const { random: systemRandom } = Math;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // stacks with places in TypeScript cost more than all the rest
  Math.random = () => random.below(1 << 16) / (1 << 16);
  const schedule = new Schedule(random);
  try {
    await schedule.run();
  } catch (error) {
    await schedule.world.abandon().catch(() => {});
    const why = error instanceof Error ? error.stack : String(error);
    throw new Error(`seed ${seed}: ${why}\n${schedule.world.log.join("\n")}`, { cause: error });
  } finally {
    Math.random = systemRandom;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

class Schedule {
  readonly world: ModelWorld;
  readonly #random: Random;
  readonly #routines: readonly ModelRoutine[];
  readonly #usesPriorities: boolean;
  readonly #isLarge: boolean;
  /** How often workers refuse: once in so many answers. */
  readonly #refusesOneIn: number;

  constructor(random: Random) {
    this.#random = random;
    const hasBound = random.oneIn(2);
    this.world = new ModelWorld({
      policy: random.pick(POLICIES),
      maxQueue: hasBound ? 1 + random.below(6) : undefined,
      overflow: random.oneIn(2) ? "wait" : "reject",
      below: (limit) => random.below(limit),
    });
    this.#usesPriorities = random.oneIn(3);
    this.#isLarge = random.oneIn(12);
    this.#refusesOneIn = random.pick([3, 6, 1_000]);
    const routines: ModelRoutine[] = [{ id: "short", us: 10 }];
    const others: readonly ModelRoutine[] = [
      { id: "unknown" },
      { id: "long", us: 20_000 },
      { id: "half", us: 600 },
      { id: "one", us: 10, limit: 1 },
      { id: "two", limit: 2 },
      { id: "large", us: 10, large: true },
      { id: "large-long", large: true },
      { id: "thread", us: 10, needsThread: true },
      { id: "thread-one", us: 400, needsThread: true, limit: 1 },
      { id: "retried", us: 10, repeated: "retry" },
      { id: "hedged", us: 10, repeated: "hedge" },
      { id: "repeated", repeated: "both", limit: 2 },
    ];
    for (const routine of others) if (random.oneIn(3)) routines.push(routine);
    this.#routines = routines;
  }

  async run(): Promise<void> {
    const random = this.#random;
    const { world } = this;
    const workers = this.#isLarge ? 17 + random.below(4) : 1 + random.below(3);
    for (let count = 0; count < workers; count++) {
      const worker = world.find(this.#kind());
      if (!random.oneIn(4)) world.connect(worker);
    }
    const events = 4 + random.below(MOST_EVENTS);
    for (let count = 0; count < events; count++) {
      const burst = random.oneIn(4) ? 1 + random.below(4) : 1;
      for (let part = 0; part < burst; part++) await this.#event();
      await settle();
      world.check();
      if (random.oneIn(3)) await world.lookAgain();
    }
    await advance(1);
    if (random.oneIn(10)) await this.#flood();
    await this.#end();
  }

  /** Workers that never have nothing to do: a short call comes for each one that ends. */
  async #flood(): Promise<void> {
    const { world } = this;
    this.#note("short calls come without a pause");
    const [short] = this.#routines;
    for (let count = 0; count < MOST_FLOOD; count++) {
      if (short !== undefined)
        world.call(short, this.#usesPriorities ? { priority: this.#random.below(3) - 1 } : {});
      const streams = world.workers
        .filter(({ ready }) => ready)
        .flatMap((worker) => [...worker.streams.values()].filter(({ call }) => call.routine === short?.id));
      const isBusy = streams.length > 3 * world.workers.length;
      const stream = isBusy ? this.#some(streams) : undefined;
      if (stream !== undefined) {
        this.#note(`${stream.call.tag} on ${stream.worker.uid}: done`);
        world.finish(stream, 10, "done");
        stream.worker.progress();
      }
      await advance(1); // those of one millisecond are in no order among lanes
      await settle();
      world.check();
    }
  }

  #note(text: string): void {
    this.world.log.push(text);
  }

  async #event(): Promise<void> {
    const random = this.#random;
    const { world } = this;
    const kind = random.below(100);
    if (kind < 34) this.#call();
    else if (kind < 70) this.#answer();
    else if (kind < 76) this.#gate();
    else if (kind < 81) this.#cancel();
    else if (kind < 86) await this.#wait(random.pick([1, 5, 20, 100, 1_100]));
    else if (kind < 88) {
      const worker = world.find(this.#kind());
      this.#note(`${worker.uid} is found`);
      if (random.oneIn(2)) world.connect(worker);
    } else if (kind < 93) this.#connect();
    else if (kind < 96) this.#lose();
    else if (kind < 98) {
      const worker = this.#some(world.workers.filter(({ ready }) => ready));
      if (worker === undefined) return;
      this.#note(`${worker.uid} drains`);
      world.drain(worker);
    } else if (kind < 99) {
      const worker = this.#some(world.workers);
      if (worker !== undefined) world.update(worker, this.#kind());
    } else if (random.oneIn(3)) {
      this.#note("nobody is expected");
      world.expectNobody();
    } else {
      const worker = this.#some(world.workers);
      if (worker !== undefined) this.#pong(worker);
      if (worker?.ready === true) worker.progress();
    }
  }

  async #wait(ms: number): Promise<void> {
    this.#note(`${ms} ms pass`);
    await advance(ms);
  }

  #call(): void {
    const random = this.#random;
    const { world } = this;
    const many = random.oneIn(5) ? 1 + random.below(4) : 1;
    for (let count = 0; count < many; count++) {
      const routine = random.oneIn(2) ? (this.#routines[0] as ModelRoutine) : random.pick(this.#routines);
      const only = random.oneIn(20) ? this.#some(world.workers)?.uid : undefined;
      const call = world.call(routine, {
        nested: random.oneIn(10),
        hasSignal: random.oneIn(4),
        isAborted: random.oneIn(60),
        ...(this.#usesPriorities && { priority: random.below(3) - 1 }),
        ...(random.oneIn(8) && { timeout: random.pick([1, 30, 300]) }),
        ...(random.oneIn(12) && { dispatchTimeout: random.pick([5, 50]) }),
        ...(random.oneIn(20) && { runTimeout: 30 }),
        ...(only !== undefined && { only }),
      });
      this.#note(
        `${call.tag} (${routine.id}${call.nested ? ", nested" : ""}${only === undefined ? "" : `, ${only} only`}) comes`,
      );
    }
  }

  #answer(): void {
    const random = this.#random;
    const { world } = this;
    const worker = this.#some(world.workers.filter(({ streams }) => streams.size > 0));
    if (worker === undefined) return;
    const many = 1 + random.small(3);
    for (let count = 0; count < many && worker.ready; count++) {
      const stream = this.#some([...worker.streams.values()]);
      if (stream === undefined) break;
      this.#answerOne(stream);
    }
    if (worker.ready) worker.progress();
  }

  #answerOne(stream: ModelStream): void {
    const random = this.#random;
    const { world } = this;
    const { call, worker, started } = stream;
    const name = `${call.tag} on ${worker.uid}`;
    if (stream.transferred !== undefined) {
      this.#note(`${name}: its arguments are there`);
      world.transfer(stream);
      return;
    }
    if (!started && random.oneIn(this.#refusesOneIn)) {
      const nack = this.#nack(stream);
      this.#note(
        `${name}: refused with ${nack.code}${nack.limit === undefined ? "" : `, limit ${nack.limit}`}`,
      );
      world.refuse(stream, nack);
      return;
    }
    const kind = random.below(10);
    if (kind < 1) world.accept(stream);
    else if (kind < 3 && !stream.parked) {
      this.#note(`${name}: parked`);
      world.park(stream, random.pick([1, 20, 3_000]));
    } else {
      const how = random.oneIn(6) ? "thrown" : "done";
      this.#note(`${name}: ${how}`);
      world.finish(stream, this.#us(stream), how);
    }
  }

  /** About what its routine takes. */
  #us({ call }: ModelStream): number {
    const routine = this.#routines.find(({ id }) => id === call.routine);
    return this.#random.oneIn(10) ? this.#random.pick([5, 900, 5_000]) : (routine?.us ?? 50);
  }

  #nack({ call, worker }: ModelStream): Nack {
    const random = this.#random;
    const code = random.pick([
      NackCode.FULL,
      NackCode.FULL,
      NackCode.FULL,
      NackCode.UNKNOWN_ROUTINE,
      NackCode.NOT_EXPOSED,
      NackCode.DRAINING,
      NackCode.IMPORT_FAILED,
      NackCode.FORBIDDEN,
      NackCode.VERSION,
    ]);
    const isLimit = code === NackCode.FULL && (call.limit !== undefined ? random.oneIn(2) : random.oneIn(12));
    if (code === NackCode.DRAINING) worker.leaving = true;
    return {
      code,
      reason: "the schedule",
      retryAfterMs: random.pick([0, 10, 100]),
      version: code === NackCode.VERSION ? "9.0.0" : "",
      ...(isLimit && { limit: 1 + random.below(2) }),
    };
  }

  #gate(): void {
    const { gates } = this.world;
    if (gates.length === 0) return;
    const [open] = gates.splice(this.#random.below(gates.length), 1);
    open?.();
  }

  #cancel(): void {
    const call = this.#some(
      this.world.calls.filter(({ controller, outcome }) => controller !== undefined && outcome === undefined),
    );
    if (call === undefined) return;
    this.#note(`${call.tag} is cancelled`);
    call.controller?.abort(new Error("cancelled"));
  }

  #connect(): void {
    const { world } = this;
    const worker = this.#some(world.workers.filter(({ ready }) => !ready));
    if (worker === undefined) return;
    this.#note(`${worker.uid} is connected`);
    world.connect(worker);
  }

  #lose(): void {
    const { world } = this;
    const worker = this.#some(world.workers);
    if (worker === undefined) return;
    this.#note(`${worker.uid} is lost`);
    world.lose(worker, { comesBack: this.#random.oneIn(2) });
  }

  #kind(): ModelWorkerKind {
    return { concurrency: this.#random.pick([1, 2, 3, 100]), inThread: this.#random.oneIn(3) };
  }

  #some<T>(items: readonly T[]): T | undefined {
    return items[this.#random.below(Math.max(1, items.length))];
  }

  /** Every call comes to its end: workers take and answer all, or nobody is left. */
  async #end(): Promise<void> {
    const random = this.#random;
    const { world } = this;
    const how = random.pick(["served", "served", "served", "deserted", "hopeless"] as const);
    this.#note(`the end: ${how}`);
    if (how === "served") {
      const worker = world.find({ concurrency: 2, inThread: true });
      world.connect(worker);
    } else {
      for (const worker of [...world.workers]) world.lose(worker, { comesBack: false });
      if (how === "hopeless") world.expectNobody();
    }
    let isOver = false;
    for (let round = 0; round < MOST_ROUNDS && !isOver; round++) {
      for (const worker of [...world.workers]) this.#serve(worker);
      while (world.gates.length > 0) this.#gate();
      await settle();
      world.check();
      if (round % 3 === 0) await advance(round < 60 ? 10 : 1_000);
      isOver =
        world.calls.every(({ outcome }) => outcome !== undefined) &&
        world.workers.every(({ streams }) => streams.size === 0);
    }
    await world.checkOver();
  }

  #pong({ pongs }: ModelWorker): void {
    for (const pong of [...pongs]) {
      pongs.delete(pong);
      pong();
    }
  }

  #serve(worker: ModelWorker): void {
    const { world } = this;
    this.#pong(worker);
    for (const stream of [...worker.streams.values()]) {
      if (stream.transferred !== undefined) world.transfer(stream);
      else {
        this.#note(`${stream.call.tag} on ${worker.uid}: done`);
        world.finish(stream, this.#us(stream), "done");
      }
    }
    if (worker.ready) worker.progress();
  }
}

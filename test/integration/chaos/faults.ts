/** What is done to workers, their network, their certificates and their calls, in an order that a seed decides. */
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../../fuzz/random.ts";
import { type RotatedPair, TEARS } from "../rotation/rotated-pair.ts";
import type { ChaosLoad } from "./load.ts";
import type { Seat } from "./seat.ts";

/** What faults are done to. */
export interface ChaosWorld {
  readonly seats: readonly Seat[];
  readonly pairs: readonly RotatedPair[];
  readonly load: ChaosLoad;
  /** Ends what a fault has begun. */
  readonly over: AbortSignal;
}

/** Files that somebody is writing just now. */
const replacing = new WeakSet<RotatedPair>();

/** Numbers for one fault: as many whichever it is, and whatever there is to do it to, so that the next ones stay the same. */
interface Draw {
  readonly seat: number;
  readonly ms: number;
  readonly number: number;
}

type Fault = (seat: Seat, draw: Draw, world: ChaosWorld) => void | Promise<void>;

const FAULTS: Readonly<Record<string, Fault>> = {
  "SIGKILL to a worker": (seat, draw, world) => replaceAfter("SIGKILL", "worker", { seat, draw, world }),
  "SIGKILL to a supervisor": (seat, draw, world) =>
    replaceAfter("SIGKILL", "supervisor", { seat, draw, world }),
  "SIGTERM, which drains": (seat, draw, world) =>
    replaceAfter("SIGTERM", "supervisor", { seat, draw, world }),
  "SIGTERM to a worker": (seat, draw, world) => replaceAfter("SIGTERM", "worker", { seat, draw, world }),
  async "SIGSTOP and SIGCONT"(seat, { ms }, world) {
    const { pid } = seat;
    if (!seat.signal("SIGSTOP", "worker")) return;
    await lasts(ms, world);
    if (seat.pid === pid) seat.signal("SIGCONT", "worker");
  },
  "connections reset": ({ proxy }) => proxy.cut("reset"),
  "connections ended": ({ proxy }) => proxy.cut("end"),
  "half-open: the caller is told": ({ proxy }) => proxy.halfOpen("caller"),
  "half-open: the worker is told": ({ proxy }) => proxy.halfOpen("worker"),
  async "a network that is slow"({ proxy }, { ms, number }, world) {
    proxy.delayMs = 5 + (number % 300);
    await lasts(ms, world);
    proxy.delayMs = 0;
  },
  async "a network that is silent"({ proxy }, { ms }, world) {
    proxy.silent = true;
    await lasts(ms, world);
    proxy.silent = false;
  },
  async "a worker that nobody reaches"({ proxy }, { ms }, world) {
    proxy.refusing = true;
    proxy.cut("reset");
    await lasts(ms, world);
    proxy.refusing = false;
  },
  async "other certificates"(_seat, { ms, number }, { pairs }) {
    const pair = pairs[number % pairs.length];
    const how = TEARS[number % TEARS.length];
    if (pair === undefined || how === undefined || replacing.has(pair)) return;
    replacing.add(pair);
    await pair.replace(number % 4 < 2 ? {} : { torn: { how, ms: ms / 4 } });
    replacing.delete(pair);
  },
  "callers that give up": (_seat, _draw, { load }) => load.abortSome(),
  "generators closed early": (_seat, _draw, { load }) => load.closeGenerators(),
  "a body that blocks": (_seat, { ms }, { load }) => load.block(ms / 2),
};

/** Does faults until it is over, at least one a second. */
export async function causeFaults(
  world: ChaosWorld,
  random: Random,
): Promise<Readonly<Record<string, number>>> {
  const done: Record<string, number> = {};
  const underWay = new Set<Promise<void>>();
  const names = Object.keys(FAULTS);
  while (!world.over.aborted) {
    const name = random.pick(names);
    const draw = {
      seat: random.below(world.seats.length),
      ms: 200 + random.below(3_800),
      number: random.below(2 ** 16),
    };
    const untilNextMs = 250 + random.below(600);
    const seat = seatWithWorker(world.seats, draw.seat);
    const fault = FAULTS[name];
    if (seat === undefined || fault === undefined) throw new Error(`No fault '${name}' or no seat`);
    done[name] = (done[name] ?? 0) + 1;
    const running = Promise.resolve(fault(seat, draw, world));
    underWay.add(running);
    void running.finally(() => underWay.delete(running));
    await lasts(untilNextMs, world);
  }
  await Promise.all(underWay);
  return done;
}

/** The first one from there on that has a worker just now, so that faults are not done to nobody. */
function seatWithWorker(seats: readonly Seat[], from: number): Seat | undefined {
  const inTurn = [...seats.slice(from), ...seats.slice(0, from)];
  return inTurn.find(({ pid }) => pid !== undefined) ?? inTurn[0];
}

async function replaceAfter(
  signal: "SIGKILL" | "SIGTERM",
  to: "worker" | "supervisor",
  { seat, draw, world }: { readonly seat: Seat; readonly draw: Draw; readonly world: ChaosWorld },
): Promise<void> {
  if (!seat.signal(signal, to)) return;
  await seat.gone();
  await lasts(draw.ms / 4, world);
  await seat.start();
}

async function lasts(ms: number, { over }: ChaosWorld): Promise<void> {
  await pause(ms, undefined, { signal: over }).catch(() => {});
}

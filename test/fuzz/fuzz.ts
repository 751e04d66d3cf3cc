/** Makes inputs for every target, tries them, and keeps count: how many, how slow, how much memory, what was found. */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { corpusOf } from "./corpus.ts";
import { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

/** Of so many inputs of a target that makes large ones, one is large. */
const ONE_LARGE_IN = 400;
const LARGE_BYTES = 65_536;
/**
 * An input may take this many nanoseconds of processor time for each of its bytes, if it has 64 KiB or more. Processor
 * time, because what else the machine does is not in it.
 */
const MAX_NS_PER_BYTE = 30;
/** More, if the engine by itself takes long for the same values: so many times what that takes. */
const MAX_TIMES_ENGINE = 1.3;
/** A slow input is tried again, since the engine may have been busy with its own code: the best of so many counts. */
const TRIES = 20;
/** The decoded value of an input may take so much, and so many times its own size. */
const MEMORY_BYTES = 64 * 1024 * 1024;
const MEMORY_PER_BYTE = 40;
/** Inputs between two turns of the loop. */
const INPUTS_PER_TURN = 200;

/** What is known of one target. */
export interface Tally {
  readonly target: string;
  inputs: number;
  large: number;
  /** Of the large inputs, the slowest: nanoseconds of processor time for each byte, and its number. */
  slowestNsPerByte: number;
  slowest: string;
  peakRssMib: number;
  readonly findings: string[];
}

/** How much is tried. */
export interface FuzzOptions {
  readonly seed: number;
  /** For all targets together. */
  readonly inputs: number;
  /** Ends it early, in milliseconds. */
  readonly limitMs?: number;
  /** Called before an input is read, each time that it is, so that one that never ends can be named. */
  readonly trying?: (target: number, index: number) => void;
  /** Whether an input that is too slow is a finding: where nobody waits for the result of a test. */
  readonly timed?: boolean;
  /**
   * Measures such an input in a process of its own, where nothing else has been read before, whose heap and whose code would
   * be in its time; the better of both counts.
   */
  readonly alone?: (input: InputName) => Timing;
}

/** Which input. */
export interface InputName {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
}

/** What an input takes, in nanoseconds for each byte. */
export interface Timing {
  readonly ns: number;
  /** What the engine takes for its values by itself; 0 of those for which that is not asked. */
  readonly engineNs: number;
}

/** Fuzzes targets in turn. */
export async function fuzz(targets: readonly FuzzTarget[], options: FuzzOptions): Promise<readonly Tally[]> {
  const tallies = targets.map(
    ({ name }): Tally => ({
      target: name,
      inputs: 0,
      large: 0,
      slowestNsPerByte: 0,
      slowest: "",
      peakRssMib: 0,
      findings: [],
    }),
  );
  const untilMs = performance.now() + (options.limitMs ?? Number.POSITIVE_INFINITY);
  for (const [place, target] of targets.entries()) {
    for (const { name, input } of corpusOf(target.name)) {
      const tally = tallies[place] as Tally;
      await attempt(target, input, tally, `corpus ${name}`);
      if (options.timed && input.length >= LARGE_BYTES)
        await judgeTime(target, input, { tally, name: `corpus ${name}` });
    }
  }
  // In rounds, so that a time limit leaves none out.
  const rounds = options.limitMs === undefined || options.inputs < 1e6 ? 20 : 2000;
  for (let round = 0; round < rounds && performance.now() < untilMs; round++) {
    for (const [place, target] of targets.entries()) {
      const tally = tallies[place] as Tally;
      const whole = Math.round((options.inputs * target.share) / 100);
      const upTo = Math.round((whole * (round + 1)) / rounds);
      for (let index = Math.round((whole * round) / rounds); index < upTo; index++) {
        if (performance.now() > untilMs) break;
        options.trying?.(place, index);
        await tryOne(target, { place, index, tally }, options);
        if (index % INPUTS_PER_TURN === 0) {
          await nextTurn();
          tally.peakRssMib = Math.max(tally.peakRssMib, process.memoryUsage.rss() / 2 ** 20);
        }
      }
    }
  }
  for (const target of targets) target.end?.();
  return tallies;
}

/** Input number `index` of a target, as anybody can make it again. */
export function inputOf(
  target: FuzzTarget,
  { seed, place, index }: { seed: number; place: number; index: number },
): {
  readonly input: Uint8Array;
  readonly isLarge: boolean;
} {
  const random = new Random(seed, place, index);
  const isLarge = target.makeLarge !== undefined && index % ONE_LARGE_IN === ONE_LARGE_IN - 1;
  const input = isLarge && target.makeLarge !== undefined ? target.makeLarge(random) : target.make(random);
  return { input, isLarge };
}

async function tryOne(
  target: FuzzTarget,
  { place, index, tally }: { readonly place: number; readonly index: number; readonly tally: Tally },
  { seed, trying, timed = false, alone }: FuzzOptions,
): Promise<void> {
  const name = `--target ${JSON.stringify(target.name)} --seed ${seed} --only ${index}`;
  const { input, isLarge } = inputOf(target, { seed, place, index });
  const before = isLarge ? process.memoryUsage() : undefined;
  const started = isLarge ? process.cpuUsage() : undefined;
  await attempt(target, input, tally, name);
  tally.inputs++;
  if (before === undefined || started === undefined || input.length < LARGE_BYTES) return;
  tally.large++;
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  if (grown > MEMORY_BYTES + MEMORY_PER_BYTE * input.length) {
    tally.findings.push(`${name}: ${input.length} bytes take ${(grown / 2 ** 20).toFixed(0)} MiB`);
  }
  tally.peakRssMib = Math.max(tally.peakRssMib, after.rss / 2 ** 20);
  const again = (): void => trying?.(place, index);
  const aside = alone && (() => alone({ target: target.name, seed, index }));
  if (timed) await judgeTime(target, input, { tally, name, again, aside });
  else note(tally, name, nsPerByte(process.cpuUsage(started), input));
}

/** How an input is judged, and where what is found goes. */
interface Judging {
  readonly tally: Tally;
  readonly name: string;
  readonly again?: () => void;
  readonly aside?: (() => Timing) | undefined;
}

function isQuick({ ns, engineNs }: Timing): boolean {
  return ns <= Math.max(MAX_NS_PER_BYTE, engineNs * MAX_TIMES_ENGINE);
}

/** Judges what an input takes. */
async function judgeTime(target: FuzzTarget, input: Uint8Array, judging: Judging): Promise<void> {
  const { tally, name, again, aside } = judging;
  const here = await measure(target, input, {
    attempt: () => {
      again?.();
      return attempt(target, input, tally, name);
    },
  });
  const alone = isQuick(here) ? undefined : aside?.();
  const { ns, engineNs } = alone !== undefined && alone.ns < here.ns ? alone : here;
  note(tally, name, ns);
  if (isQuick({ ns, engineNs })) return;
  const beside = engineNs === 0 ? "" : `, and ${engineNs.toFixed(1)} ns by the engine`;
  const alike = alone === undefined ? "" : `, ${alone.ns.toFixed(1)} ns in a process of its own`;
  tally.findings.push(`${name}: ${here.ns.toFixed(1)} ns for each of ${input.length} bytes${alike}${beside}`);
}

/** Measures an input in turns with what the engine takes for its values: the best of some times, until that is quick enough. */
export async function measure(
  target: FuzzTarget,
  input: Uint8Array,
  { attempt, times = TRIES }: { readonly attempt: () => void | Promise<void>; readonly times?: number },
): Promise<Timing> {
  const byEngine = target.byEngine?.(input);
  let ns = Number.POSITIVE_INFINITY;
  let engineNs = byEngine === undefined ? 0 : Number.POSITIVE_INFINITY;
  for (let round = 0; round < times && (round === 0 || !isQuick({ ns, engineNs })); round++) {
    const started = process.cpuUsage();
    await attempt();
    ns = Math.min(ns, nsPerByte(process.cpuUsage(started), input));
    if (byEngine === undefined) continue;
    const restarted = process.cpuUsage();
    byEngine();
    engineNs = Math.min(engineNs, nsPerByte(process.cpuUsage(restarted), input));
  }
  return { ns, engineNs };
}

function note(tally: Tally, name: string, ns: number): void {
  if (ns <= tally.slowestNsPerByte) return;
  tally.slowestNsPerByte = ns;
  tally.slowest = name;
}

/** Of processor time, that of the engine's own threads included. */
function nsPerByte({ user, system }: NodeJS.CpuUsage, input: Uint8Array): number {
  return ((user + system) * 1_000) / input.length;
}

async function attempt(target: FuzzTarget, input: Uint8Array, tally: Tally, name: string): Promise<void> {
  try {
    const running = target.run(input);
    if (running !== undefined) await running;
  } catch (error) {
    const text = error instanceof Error ? String(error.stack) : String(error);
    if (tally.findings.length < 20) tally.findings.push(`${name}: ${text}`);
  }
}

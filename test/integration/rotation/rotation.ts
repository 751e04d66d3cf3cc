/**
 * Replaces the pairs of a worker and of its caller over and over while calls are made, half of them torn on the way, and
 * notes how long it takes until new connections use them. At the end one pair of each side ends before it is replaced.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { Random } from "../../fuzz/random.ts";
import { eventually } from "../../support/eventually.ts";
import { createAuthority } from "../../support/issue-certificate.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";
import { type LoadCounts, startLoad } from "./load.ts";
import { type OldMaterialOutcomes, outliveMaterial } from "./old-material.ts";
import { pairOfCaller, pairOfWorker } from "./probe.ts";
import { RotatedPair, type Side, TEARS } from "./rotated-pair.ts";

/** About how long one replacement takes, its probes included; calls are spread over all of them. */
const REPLACEMENT_MS = 1_200;
/** What a lane of the load calls between two pauses, times the lanes. */
const CALLS_PER_ROUND = 40;
const LONGEST_TEAR_MS = 900;

/** How much is done. */
export interface RotationOptions {
  /** For each side. */
  readonly rotations: number;
  /** At least so many calls while pairs are replaced. */
  readonly calls: number;
  readonly seed: number;
}

/** What has been seen. */
export interface RotationReport extends Omit<LoadCounts, "lost"> {
  readonly lost: Readonly<Record<string, number>>;
  /** From when a pair was whole until a connection was begun that used it, in milliseconds, for each replacement. */
  readonly delaysMs: Readonly<Record<Side, readonly number[]>>;
  readonly torn: number;
  /** Connections that were made only to see which pair is in use. */
  readonly probes: number;
  readonly old: OldMaterialOutcomes;
}

/** Does all of it. */
export async function rotateUnderLoad({ rotations, calls, seed }: RotationOptions): Promise<RotationReport> {
  using files = temporaryPackage({});
  const authority = createAuthority();
  const parties = { authority, stranger: createAuthority().issue({ ips: ["127.0.0.1"] }) };
  const sides = {
    worker: new RotatedPair(files.path("worker"), "worker", parties),
    caller: new RotatedPair(files.path("caller"), "caller", parties),
  };
  const own = authority.issue({ uris: ["spiffe://farm/caller/0"] });
  await using worker = await startNetworkWorker({ credentials: sides.worker.credentials });
  const { remote } = worker;
  const pauseMs = Math.max(2, (rotations * REPLACEMENT_MS * CALLS_PER_ROUND) / calls / 2);
  await using load = await startLoad(remote, sides.caller, { pauseMs });
  const [ofWorker, ofCaller] = await Promise.all([
    replaceOften(sides.worker, () => pairOfWorker(remote, own), { rotations, random: new Random(seed, 1) }),
    replaceOften(sides.caller, () => pairOfCaller(remote, sides.caller), {
      rotations,
      random: new Random(seed, 2),
    }),
  ]);
  while (load.counts.calls < calls) {
    await Promise.all([sides.worker.replace(), sides.caller.replace()]);
    await pause(REPLACEMENT_MS);
  }
  // Connections that are there go on while no new ones can be made.
  load.fresh = false;
  const old = await outliveMaterial(remote, { authority, ...sides });
  load.fresh = true;
  await load[Symbol.asyncDispose]();
  const { lost, ...counts } = load.counts;
  return {
    ...counts,
    lost: Object.fromEntries(lost),
    torn: ofWorker.torn + ofCaller.torn,
    probes: ofWorker.probes + ofCaller.probes,
    delaysMs: { worker: ofWorker.delaysMs, caller: ofCaller.delaysMs },
    old,
  };
}

interface Replaced {
  readonly delaysMs: readonly number[];
  readonly torn: number;
  readonly probes: number;
}

async function replaceOften(
  pair: RotatedPair,
  probe: () => Promise<number>,
  { rotations, random }: { readonly rotations: number; readonly random: Random },
): Promise<Replaced> {
  const delaysMs: number[] = [];
  let torn = 0;
  let probes = 0;
  for (let n = 0; n < rotations; n++) {
    if (n % 2 === 0) await pair.replace();
    else {
      torn += 1;
      await pair.replace({ torn: { how: random.pick(TEARS), ms: random.below(LONGEST_TEAR_MS) } });
    }
    let begunMs = 0;
    const isInUse = async (): Promise<boolean> => {
      probes += 1;
      begunMs = performance.now();
      return (await probe()) === pair.number;
    };
    await eventually(isInUse, { withinMs: 20_000, everyMs: 20 });
    // What the connection itself took is not counted.
    delaysMs.push(begunMs - pair.wholeAtMs);
    await pause(random.below(200));
  }
  return { delaysMs, torn, probes };
}

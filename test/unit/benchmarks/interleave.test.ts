import assert from "node:assert/strict";
import { test } from "node:test";
import { interleave } from "../../../benchmarks/against/interleave.ts";
import { type Figures, type Suite, type Workload, WorkloadError } from "../../../benchmarks/against/suite.ts";

const BUILDS = { new: { folder: "new" }, old: { folder: "old" } };

/** A suite whose subjects answer with what the function gives for their name: new, old, old. */
function suiteOf(
  names: readonly string[],
  answer: (workload: string, folder: string, slice: number) => Figures,
): { suite: Suite; log: string[] } {
  const log: string[] = [];
  let slices = 0;
  let opened = 0;
  const workloads = names.map(
    (name): Workload => ({ name, rows: [{ name, unit: "", better: "higher", tolerance: 0.03 }] }),
  );
  const suite: Suite = {
    workloads,
    pairsPerSubject: 2,
    async open({ folder }) {
      const subject = `${folder}${++opened}`;
      log.push(`open ${subject}`);
      return {
        async measure({ name }) {
          log.push(`${name} ${subject}`);
          return answer(name, folder, slices++);
        },
        async [Symbol.asyncDispose]() {
          log.push(`close ${subject}`);
        },
      };
    },
  };
  return { suite, log };
}

function run(suite: Suite, pairs: number, signal = new AbortController().signal) {
  return interleave(suite, BUILDS, { pairs, quick: true, workloads: suite.workloads, signal });
}

test("interleave changes sides from slice to slice, and subjects every few pairs", async () => {
  const { suite, log } = suiteOf(["a"], () => ({ a: 1 }));

  await run(suite, 3);

  assert.deepEqual(log, [
    ...["open new1", "open old2", "open old3"],
    ...["a new1", "a old2", "a old3"],
    ...["a new1", "a old2", "a old3", "a old3", "a old2", "a new1"],
    ...["a old3", "a new1", "a old2", "a old2", "a new1", "a old3"],
    ...["close old3", "close old2", "close new1"],
    ...["open new4", "open old5", "open old6"],
    ...["a new4", "a old5", "a old6"],
    ...["a old5", "a old6", "a new4", "a new4", "a old6", "a old5"],
    ...["close old6", "close old5", "close new4"],
  ]);
});

test("interleave gives the mean of a pair's slices for each side, without the warm-up", async () => {
  // 0 to 2 are the warm-up; then new, old, twin, twin, old, new.
  const figures = [900, 900, 900, 10, 1, 100, 200, 3, 20];
  const { suite } = suiteOf(["a"], (_name, _folder, slice) => ({ a: figures[slice] ?? Number.NaN }));

  const { pairs } = await run(suite, 1);

  assert.deepEqual(pairs.get("a"), [{ new: 15, old: 2, twin: 150 }]);
});

test("interleave leaves out what the other commit cannot do, and says why", async () => {
  const { suite } = suiteOf(["a", "b"], (name, folder) => {
    if (name === "a" && folder === "old") throw new WorkloadError("no such option");
    return { [name]: 1 };
  });

  const { pairs, unsupported } = await run(suite, 3);

  assert.deepEqual([...unsupported], [["a", "no such option"]]);
  assert.equal(pairs.get("a"), undefined);
  assert.equal(pairs.get("b")?.length, 3);
});

test("interleave fails if the working tree cannot do a workload, and closes what it opened", async () => {
  const { suite, log } = suiteOf(["a"], (_name, folder) => {
    if (folder === "new") throw new WorkloadError("broken");
    return { a: 1 };
  });

  await assert.rejects(run(suite, 1), { name: "BenchmarkError", message: /'a': broken/ });

  assert.deepEqual(log.slice(-3), ["close old3", "close old2", "close new1"]);
});

test("interleave fails with what is no fault of a workload, on either side", async () => {
  const { suite } = suiteOf(["a"], (_name, folder) => {
    if (folder === "old") throw new RangeError("the process is gone");
    return { a: 1 };
  });

  await assert.rejects(run(suite, 1), { name: "RangeError" });
});

test("interleave opens nothing where nothing is to be measured", async () => {
  const { suite, log } = suiteOf([], () => ({}));

  const { pairs } = await run(suite, 3);

  assert.equal(pairs.size, 0);
  assert.deepEqual(log, []);
});

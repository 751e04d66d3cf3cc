/**
 * The short form of `npm run fuzz`: 15 000 inputs for all decoders and both halves of the protocol. How fast they are read is
 * not judged here, since the machine may be busy.
 */
// runs early: no other file that shares a process takes as long
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { corpusOf } from "../fuzz/corpus.ts";
import { fuzz, inputOf } from "../fuzz/fuzz.ts";
import { Random } from "../fuzz/random.ts";
import { TARGETS } from "../fuzz/targets/all.ts";

const INPUTS = 15_000;
const SEED = 20_261_128;

test("every decoder, and sessions on both sides, survive 15 000 inputs", async (context) => {
  const { stackTraceLimit } = Error;
  // As `npm run fuzz` does: a stack with places in TypeScript costs more than most inputs do.
  Error.stackTraceLimit = 0;
  const tallies = await fuzz(TARGETS, { seed: SEED, inputs: INPUTS }).finally(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  const findings = tallies.flatMap(({ findings }) => findings);
  context.diagnostic(tallies.map(({ target, inputs }) => `${target}: ${inputs}`).join(", "));
  assert.deepEqual(findings, []);
  assert.ok(tallies.reduce((sum, { inputs }) => sum + inputs, 0) >= INPUTS);
  assert.ok(tallies.every(({ inputs }) => inputs >= INPUTS / 200));
  assert.ok(tallies.some(({ large }) => large > 10));
});

test("an input is the same for the same seed, and another for another", () => {
  for (const [place, target] of TARGETS.entries()) {
    const { input } = inputOf(target, { seed: 1, place, index: 5 });
    assert.deepEqual(inputOf(target, { seed: 1, place, index: 5 }).input, input);
  }
  const [values] = TARGETS;
  assert.ok(values !== undefined);
  const inputs = Array.from({ length: 20 }, (_, seed) => inputOf(values, { seed, place: 0, index: 0 }).input);
  assert.ok(new Set(inputs.map((input) => Buffer.from(input).toString("hex"))).size > 15);
});

test("fuzz reports what a target throws, with what makes the input again", async () => {
  const target = {
    name: "broken",
    share: 100,
    make: (random: Random): Uint8Array => random.bytes(4),
    run: (bytes: Uint8Array): void => {
      if ((bytes[0] as number) < 128) throw new Error("below 128");
    },
  };

  const [tally] = await fuzz([target], { seed: 3, inputs: 50 });

  const finding = tally?.findings[0] ?? "";
  const index = Number(/--target "broken" --seed 3 --only (\d+): Error: below 128/.exec(finding)?.[1]);
  const { input } = inputOf(target, { seed: 3, place: 0, index });
  assert.ok((input[0] as number) < 128);
});

test("fuzz judges time by what the engine takes for the same values, where that is more", async () => {
  const spin = (ms: number): void => {
    const started = process.cpuUsage();
    for (let spent = 0; spent < ms * 1000; ) {
      const { user, system } = process.cpuUsage(started);
      spent = user + system;
    }
  };
  // Far from that of a quick engine: what counts as processor time comes in steps of some milliseconds at times.
  const TAKEN_MS = 16;
  const [small, large] = [new Uint8Array(1), new Uint8Array(65_536)];
  const findings = async (byEngine?: () => void): Promise<readonly string[]> => {
    const target = {
      name: "slow",
      share: 100,
      make: () => small,
      makeLarge: () => large,
      run: (input: Uint8Array) => {
        if (input === large) spin(TAKEN_MS);
      },
      byEngine: () => byEngine,
    };
    const [tally] = await fuzz([target], { seed: 1, inputs: 400, timed: true });
    return tally?.findings ?? [];
  };

  assert.equal((await findings(() => spin(TAKEN_MS))).length, 0);
  assert.match(
    (await findings(() => spin(1)))[0] ?? "",
    /--only 399: .* for each of 65536 bytes, and .* by the engine/,
  );
  assert.match((await findings())[0] ?? "", /--only 399: .* for each of 65536 bytes$/);
});

test("Random draws every number, and the same again", () => {
  const random = new Random(1, 2, 3);
  const drawn = Array.from({ length: 500 }, () => random.below(10));

  assert.equal(new Set(drawn).size, 10);
  assert.ok(Math.abs(drawn.reduce((sum, number) => sum + number, 0) / 500 - 4.5) < 1);
  assert.notDeepEqual(new Random(1, 2, 4).bytes(8), new Random(1, 2, 3).bytes(8));
});

test("the corpus is read, and every folder in it belongs to a target", () => {
  const findings = TARGETS.flatMap(({ name }) => corpusOf(name));

  assert.ok(findings.length >= 10);
  for (const { name, input } of findings) assert.ok(input.length > 0, name);
});

/** Whatever happens to a payload on its way, the decoder gives a value or a `PayloadError`, and soon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeValue } from "../../../src/codec/decode/decoder.ts";
import { PayloadError } from "../../../src/errors/payload-error.ts";
import { AWKWARD_VALUES } from "./awkward-values.ts";
import { references, send } from "./support.ts";

const MUTANTS = 120_000;
const LARGEST_SEED_BYTES = 2_000;
const INTERESTING = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x9f, 0xbf, 0xc0, 0xc1, 0xc7, 0xc9, 0xd4, 0xd6, 0xdd, 0xdf, 0xff,
];

/** A small generator of pseudo-random numbers, so that a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("decodeValue survives 120 000 mutated payloads with a value or a PayloadError each", () => {
  const random = randomNumbers(20_250_101);
  const seeds = AWKWARD_VALUES.filter(({ refusedAt }) => refusedAt === undefined)
    .map(({ make }) => send(make()))
    .filter(({ bytes }) => bytes.length <= LARGEST_SEED_BYTES);
  const signals = { get: () => AbortSignal.abort() };
  let refused = 0;
  const before = Object.getOwnPropertyNames(Object.prototype).length;

  for (let mutant = 0; mutant < MUTANTS; mutant++) {
    const seed = seeds[mutant % seeds.length] as (typeof seeds)[number];
    const other = seeds[random(seeds.length)] as (typeof seeds)[number];
    let bytes = Buffer.from(seed.bytes);
    for (let change = random(4); change >= 0; change--) {
      const at = 1 + random(Math.max(1, bytes.length - 1));
      switch (random(5)) {
        case 0:
          bytes[at] = random(256);
          break;
        case 1:
          bytes[at] = INTERESTING[random(INTERESTING.length)] as number;
          break;
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(4))]);
          break;
        case 3:
          bytes = Buffer.concat([bytes.subarray(0, at), other.bytes.subarray(random(other.bytes.length))]);
          break;
        default:
          bytes[0] = 0x09;
      }
    }
    try {
      decodeValue({ bytes, start: 0, end: bytes.length, parts: seed.parts }, { references, signals });
    } catch (error) {
      refused++;
      assert.ok(
        error instanceof PayloadError,
        `mutant ${mutant}: ${bytes.toString("hex")}: ${String(error)}`,
      );
    }
  }

  assert.ok(refused > MUTANTS / 4 && refused < MUTANTS);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, before);
});

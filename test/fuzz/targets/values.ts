/** The decoder of values, for payloads that have come over a network. */
import { deserialize, serialize } from "node:v8";
import type { DecodedSize } from "../../../src/codec/budget/decoded-size.ts";
import { decodeValue } from "../../../src/codec/decode/decoder.ts";
import type { References } from "../../../src/codec/references.ts";
import { identityFault } from "../../../src/identity/identity.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { AWKWARD_VALUES } from "../../unit/codec/awkward-values.ts";
import { GOLDEN_PAYLOADS } from "../../unit/codec/golden-payloads.ts";
import { references, send, sendPlatform } from "../../unit/codec/support.ts";
import { mutate } from "../mutate.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";
import { anyPayload, largePayload } from "./value-grammar.ts";

const LARGEST_SEED_BYTES = 2_000;

const { signal } = new AbortController();
const signals = { get: (): AbortSignal => signal };
const flows = {
  flowOf: (kind: number, index: number): unknown =>
    kind > 3 ? "it is unknown" : kind === 1 ? new ReadableStream() : { index },
};

/** What a routine was taken for that is more than its identity: none may be, over a network. */
let believed: unknown;

const watching: References = {
  ...references,
  resolveRoutine(reference) {
    const { id, module, tainted } = reference;
    if (tainted !== true || module !== undefined || identityFault(id) !== undefined) believed = reference;
    return processReferences.resolveRoutine(reference);
  },
};

/** What arrives as an object of the platform. */
const PLATFORM_VALUES: readonly (() => unknown)[] = [
  ...GOLDEN_PAYLOADS.filter(({ platform }) => platform === true).map(({ make }) => make),
  () => new Intl.NumberFormat("de", { style: "currency", currency: "EUR" }),
  () => [new Intl.DateTimeFormat("ja"), new Intl.Collator("sv")],
];

let seeds: readonly Uint8Array[] | undefined;

function seedPayloads(): readonly Uint8Array[] {
  seeds ??= AWKWARD_VALUES.filter(({ refusedAt }) => refusedAt === undefined)
    .map(({ make }) => send(make()).bytes)
    .concat(PLATFORM_VALUES.map((make) => sendPlatform(make()).bytes))
    .filter((bytes) => bytes.length <= LARGEST_SEED_BYTES);
  return seeds;
}

function decode(bytes: Uint8Array): unknown {
  const parts = [Buffer.alloc(8), Buffer.alloc(64)];
  return decodeValue(
    { bytes, start: 0, end: bytes.length, parts },
    { references: watching, signals, flows, admit },
  );
}

/** Takes whatever is weighed at a number. */
function admit({ objectBytes, binaryBytes }: DecodedSize): void {
  if (!(objectBytes >= 0 && binaryBytes >= 0)) throw new Error(`${objectBytes} and ${binaryBytes} bytes`);
}

export const values: FuzzTarget = {
  name: "values",
  share: 30,
  make(random) {
    if (random.oneIn(3)) return mutate(random.pick(seedPayloads()), random, random.pick(seedPayloads()));
    const payload = anyPayload(random);
    return random.oneIn(2) ? payload : mutate(payload, random);
  },
  makeLarge: (random) => {
    const payload = largePayload(random);
    if (random.oneIn(8)) payload[random.below(payload.length)] = random.below(256);
    return payload;
  },
  run(bytes) {
    try {
      decode(bytes);
    } catch (error) {
      expectCodes(error, "ERR_MERINO_BAD_PAYLOAD");
    }
    if (believed !== undefined) throw new Error(`A routine was believed: ${JSON.stringify(believed)}`);
    if (Object.keys(Object.prototype).length > 0) throw new Error("Object.prototype has got a field");
  },
  byEngine(bytes) {
    let copy: Buffer;
    try {
      const value = decode(bytes);
      // Of others, reading takes longer than making.
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
      copy = serialize(value);
    } catch {
      return undefined; // refused, or with a routine in it
    }
    return () => deserialize(copy);
  },
};

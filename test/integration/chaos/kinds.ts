/** The kinds of calls that are made all the while, each with what it should come to. */
import { setTimeout as pause } from "node:timers/promises";
import type { CallTarget } from "merino";
import type { Random } from "../../fuzz/random.ts";
import { add, block, count, echo, fail, nested, relay, slow } from "./jobs.ts";

/** What a call is made with. */
export interface CallContext {
  readonly id: string;
  readonly pool: CallTarget;
  readonly random: Random;
  /** Fires when callers are told to give up. */
  readonly givenUp: AbortSignal;
  /** Whether generators are to be left by now. */
  readonly leaveGenerators: () => boolean;
}

/** Makes one call. Resolves with how it has ended: `value`, `left`, or what is wrong with it; rejects with its error. */
export type CallKind = (context: CallContext) => Promise<string>;

const MOST_BYTES = 2 * 1024 * 1024;

/** The kinds, with how many of a hundred calls are of each. */
export const KINDS: Readonly<Record<string, { readonly share: number; readonly call: CallKind }>> = {
  add: {
    share: 30,
    async call({ id, pool, random }) {
      const left = random.below(1000);
      return expected(await add.with({ pool })(id, left, 1), left + 1);
    },
  },
  slow: {
    share: 12,
    async call({ id, pool, random, givenUp }) {
      const ms = random.below(600);
      return expected(await slow.with({ pool, signal: givenUp })(id, ms), ms);
    },
  },
  failing: {
    share: 5,
    async call({ id, pool }) {
      const error: unknown = await fail
        .with({ pool })(id)
        .catch((error: unknown) => error);
      if (error instanceof RangeError) return expected(error.message, `failed ${id}`);
      throw error;
    },
  },
  cancelled: {
    share: 8,
    async call({ id, pool, random }) {
      const signal = AbortSignal.timeout(1 + random.below(80));
      return expected(await slow.with({ pool, signal })(id, 500), 500);
    },
  },
  "out of time": {
    share: 4,
    async call({ id, pool, random }) {
      return expected(await slow.with({ pool, timeout: 1 + random.below(150) })(id, 200), 200);
    },
  },
  large: {
    share: 8,
    async call({ id, pool, random }) {
      const bytes = Buffer.alloc(1 + random.below(MOST_BYTES), id);
      const echoed = await echo.with({ pool })(id, bytes);
      return bytes.equals(echoed) ? "value" : `wrong: ${echoed.length} bytes for ${bytes.length}`;
    },
  },
  generator: {
    share: 12,
    async call({ id, pool, random, givenUp, leaveGenerators }) {
      // Only one that does not run ahead can be talked to.
      const talks = random.oneIn(2);
      const prefetch = talks ? 0 : random.below(5);
      const values = count.with({ pool, prefetch, signal: givenUp })(id, 1 + random.below(60));
      const leaveAfter = random.oneIn(3) ? random.below(10) : Number.POSITIVE_INFINITY;
      let sum = 0;
      for (let n = 0, sent: number | undefined; ; n++) {
        const { done, value } = await (sent === undefined ? values.next() : values.next(sent));
        if (done) return expected(value, `counted ${id}`);
        if (value !== n + sum) return `wrong: value ${n} of a generator is ${value}`;
        if (n >= leaveAfter || leaveGenerators()) {
          await values.return("left");
          return "left";
        }
        if (talks) {
          sent = random.below(5);
          sum += sent;
        }
        if (random.oneIn(10)) await pause(random.below(50));
      }
    },
  },
  nested: {
    share: 12,
    async call({ id, pool, random }) {
      const left = random.below(1000);
      return expected(await nested.with({ pool })(id, left, 2), left + 2);
    },
  },
  relayed: {
    share: 9,
    async call({ id, pool, random, leaveGenerators }) {
      const length = 1 + random.below(20);
      let n = 0;
      for await (const value of relay.with({ pool })(id, length)) {
        if (value !== n) return `wrong: value ${n} of a relayed generator is ${value}`;
        n += 1;
        if (leaveGenerators()) return "left";
      }
      return expected(n, length);
    },
  },
};

/** A call that holds its worker's thread. */
export function blockFor(ms: number): CallKind {
  return async ({ id, pool }) => expected(await block.with({ pool })(id, ms), ms);
}

/** Chooses a kind. */
export function pickKind(random: Random): string {
  let left = random.below(100);
  for (const [name, { share }] of Object.entries(KINDS)) {
    left -= share;
    if (left < 0) return name;
  }
  throw new Error("The shares are less than 100");
}

function expected(value: unknown, right: unknown): string {
  return Object.is(value, right) ? "value" : `wrong: ${String(value)} for ${String(right)}`;
}

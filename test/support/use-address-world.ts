/** Workers at addresses, and time, in a test's hands: what a discovery that asks addresses sees of the world. */
import type { DescribeOptions } from "../../src/discovery/addresses/watch.ts";
import type { Clock } from "../../src/internal/time/clock.ts";
import { type FakeClock, useFakeClock } from "./use-fake-clock.ts";

/** The world as a test sets it. Where nothing is set, nobody answers. */
export interface AddressWorld extends Disposable {
  readonly clock: FakeClock;
  /** What is described at an address: a record, or anything else; an Error: why nothing is. */
  readonly described: Map<string, unknown>;
  /** Addresses asked, in order. */
  readonly asked: string[];
  readonly ports: {
    readonly describe: (address: string, options: DescribeOptions) => Promise<unknown>;
    readonly clock: Clock;
  };
}

/** Makes an empty world. */
export function useAddressWorld(): AddressWorld {
  const clock = useFakeClock();
  const described = new Map<string, unknown>();
  const asked: string[] = [];
  return {
    clock,
    described,
    asked,
    ports: {
      clock,
      async describe(address, { signal }) {
        asked.push(address);
        signal.throwIfAborted();
        const description = described.get(address) ?? new Error(`nobody at ${address}`);
        if (description instanceof Error) throw description;
        return description;
      },
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

/** A DNS zone and the workers at its addresses, both in memory: what a DNS discovery sees of the world. */
import type { DnsResolver } from "../../src/discovery/dns/lookup.ts";
import type { DnsWatchPorts } from "../../src/discovery/dns/watch.ts";
import { createDeferred } from "../../src/internal/deferred.ts";
import { type Clock, systemClock } from "../../src/internal/time/clock.ts";

/** A record set of the zone, or why there is no answer: a code such as `"ESERVFAIL"`. */
type Answer<T> = readonly T[] | string;

/** The world as a test sets it. Missing records are answered with `ENOTFOUND`. */
export interface DnsPeers {
  readonly ports: DnsWatchPorts;
  readonly a: Map<string, Answer<string>>;
  readonly aaaa: Map<string, Answer<string>>;
  readonly srv: Map<string, Answer<{ readonly name: string; readonly port: number }>>;
  /** What is described at `host:port`; an Error: why nothing is. A promise is awaited until the time is over. */
  readonly described: Map<string, unknown>;
  /** Addresses asked to describe themselves, in order. */
  readonly asked: string[];
  /** Most descriptions that were under way at a time. */
  readonly mostAtOnce: number;
  /** Questions put to DNS, as `"A jobs.test"`. */
  readonly questions: string[];
}

/** Makes an empty zone. */
export function dnsPeers(clock: Clock = systemClock): DnsPeers {
  const a: DnsPeers["a"] = new Map();
  const aaaa: DnsPeers["aaaa"] = new Map();
  const srv: DnsPeers["srv"] = new Map();
  const described = new Map<string, unknown>();
  const asked: string[] = [];
  const questions: string[] = [];
  let underWay = 0;
  let mostAtOnce = 0;

  function createResolver(): DnsResolver {
    const controller = new AbortController();
    async function answer<T>(type: string, name: string, records: Map<string, Answer<T>>): Promise<T[]> {
      questions.push(`${type} ${name}`);
      await undefined;
      const found = records.get(name) ?? "ENOTFOUND";
      if (found === "never") await new Promise<void>((resolve) => onAbort(controller.signal, resolve));
      if (controller.signal.aborted) throw withCode("ECANCELLED");
      if (typeof found === "string") throw withCode(found);
      return [...found];
    }
    return {
      resolve4: (name) => answer("A", name, a),
      resolve6: (name) => answer("AAAA", name, aaaa),
      resolveSrv: (name) => answer("SRV", name, srv),
      cancel: () => controller.abort(),
    };
  }

  return {
    a,
    aaaa,
    srv,
    described,
    asked,
    questions,
    get mostAtOnce() {
      return mostAtOnce;
    },
    ports: {
      createResolver,
      clock,
      async describe(address, { timeoutMs, signal }) {
        asked.push(address);
        mostAtOnce = Math.max(mostAtOnce, ++underWay);
        const late = createDeferred<never>();
        const timer = clock.setTimeout(() => late.reject(new Error(`no answer from ${address}`)), timeoutMs);
        try {
          const description = await Promise.race([
            described.get(address) ?? Promise.reject(new Error(`nobody at ${address}`)),
            late.promise,
            new Promise((_, reject) => onAbort(signal, () => reject(signal.reason))),
          ]);
          if (description instanceof Error) throw description;
          return description;
        } finally {
          timer[Symbol.dispose]();
          underWay -= 1;
        }
      },
    },
  };
}

function onAbort(signal: AbortSignal, run: () => void): void {
  if (signal.aborted) run();
  else signal.addEventListener("abort", run, { once: true });
}

function withCode(code: string): Error {
  return Object.assign(new Error(`query ${code}`), { code });
}

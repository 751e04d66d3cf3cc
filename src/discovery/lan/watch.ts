/**
 * The looking side of multicast DNS for one namespace: asks at once and ever less often, listens all the time,
 * and asks for records that are missing or about to lapse.
 */
import { isIPv4 } from "node:net";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { type Clock, systemClock } from "../../internal/time/clock.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import { LanCache } from "./cache.ts";
import type { Endpoint, LanSource } from "./multicast/endpoint.ts";
import { isLinkLocal } from "./multicast/interface.ts";
import { type Networks, type NetworksListener, sendQuietly } from "./multicast/networks.ts";
import type { LanPacket, LanQuestion } from "./multicast/packet.ts";
import { serviceType } from "./service.ts";
import { warnOnLan } from "./warnings.ts";

/** RFC 6762, section 5.2: intervals between questions at least double. Publishers of ours repeat themselves anyway. */
const FIRST_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 60_000;

/** How often to look for records that have lapsed. */
const TICK_INTERVAL_MS = 1_000;
/** How soon to look after something incomplete was heard: its other records may be on their way. */
const TICK_SOON_MS = 100;

/**
 * How long a process is kept alive that does nothing but wait for the first answers, which tell of the workers
 * there are.
 */
const REPLAY_MS = 3_000;

const QUESTIONS_PER_PACKET = 16;

/** Settings of a watch. */
export interface LanWatchOptions {
  readonly namespace: string;
  readonly clock?: Clock;
}

/** One run of a watch. */
export class LanWatch implements NetworksListener {
  readonly #clock: Clock;
  readonly #cache: LanCache;
  readonly #service: string;
  readonly #networks: Networks;
  readonly #timers = new Map<"ask" | "tick" | "soon", Disposable>();

  constructor(
    options: LanWatchOptions,
    report: (event: DiscoveryEvent) => void,
    createNetworks: (listener: NetworksListener) => Networks,
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#service = serviceType(options.namespace);
    this.#networks = createNetworks(this);
    this.#cache = new LanCache({
      namespace: options.namespace,
      report,
      warn: warnOnLan,
      now: () => this.#clock.now(),
      rank: (address) => rankOf(address, this.#networks.endpoints),
    });
  }

  /** Reports workers and their changes until the signal fires, then closes everything. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    // Apart from that, nothing here keeps the process alive.
    keepAlive();
    const replay = deadlines.after(REPLAY_MS, letExit);
    await this.#networks.open();
    this.#askAgain(FIRST_INTERVAL_MS);
    this.#tickAgain();
    await aborted;
    if (deadlines.cancel(replay)) letExit();
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    await this.#networks.close();
  }

  up(endpoint: Endpoint): void {
    void this.#ask(endpoint);
    // One question may be lost: on a network that has just come up, the next one follows soon.
    if (this.#timers.has("ask")) this.#askAgain(FIRST_INTERVAL_MS);
  }

  packet(packet: LanPacket, endpoint: Endpoint, source: LanSource): void {
    // RFC 6762, section 11: an answer from another port is not one of multicast DNS.
    if (packet.type !== "response") return;
    this.#cache.accept([...packet.answers, ...packet.additionals], {
      address: source.address,
      interfaceName: endpoint.interface.name,
    });
    if (!this.#timers.has("soon")) {
      this.#set("soon", TICK_SOON_MS, () => {
        this.#timers.delete("soon");
        this.#tick();
      });
    }
  }

  #askAgain(intervalMs: number): void {
    this.#set("ask", intervalMs, () => {
      for (const endpoint of this.#networks.endpoints) void this.#ask(endpoint);
      this.#askAgain(Math.min(2 * intervalMs, MAX_INTERVAL_MS));
    });
  }

  async #ask(endpoint: Endpoint): Promise<void> {
    await sendQuietly(endpoint, { questions: [{ name: this.#service, type: "PTR" }] });
  }

  #tickAgain(): void {
    this.#set("tick", TICK_INTERVAL_MS, () => {
      this.#tick();
      this.#tickAgain();
    });
  }

  #tick(): void {
    const questions = this.#cache.tick();
    for (let first = 0; first < questions.length; first += QUESTIONS_PER_PACKET) {
      const some: readonly LanQuestion[] = questions.slice(first, first + QUESTIONS_PER_PACKET);
      for (const endpoint of this.#networks.endpoints) void sendQuietly(endpoint, { questions: some });
    }
  }

  #set(name: "ask" | "tick" | "soon", delayMs: number, run: () => void): void {
    this.#timers.get(name)?.[Symbol.dispose]();
    this.#timers.set(name, this.#clock.setTimeout(run, delayMs));
  }
}

/**
 * Orders the addresses of a worker by how surely they lead to it: addresses on a network of this host come
 * before those behind a router, and among the latter those of a family that this host has.
 *
 * @internal for tests as well
 */
export function rankOf(address: string, endpoints: Iterable<Pick<Endpoint, "interface">>): number {
  const ipv4 = isIPv4(address);
  const interfaces = Array.from(endpoints, (endpoint) => endpoint.interface);
  if (interfaces.some((one) => one.isOnLink(address))) {
    if (ipv4) return 0;
    return isLinkLocal(address) ? 2 : 1;
  }
  const reachable = interfaces.some((one) =>
    ipv4 ? one.ipv4.length > 0 : one.ipv6.some((own) => !isLinkLocal(own)),
  );
  if (!reachable) return 5;
  return ipv4 ? 3 : 4;
}

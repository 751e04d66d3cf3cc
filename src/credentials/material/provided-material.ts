/**
 * Material from a function of the user, asked when what it gave last is no longer fresh. One call of it at a time; who asks
 * meanwhile gets what there is, if it may still be used, and else waits for that call. A call that fails changes nothing.
 */
import { CredentialsError } from "../../errors/credentials-error.ts";
import { isMerinoError } from "../../errors/merino-error.ts";
import { errorText } from "../../internal/error-text.ts";
import type { DeadlineEntry } from "../../internal/time/deadline-queue.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { warn } from "../../internal/warn.ts";
import type { TrustMaterial, TrustPolicy } from "../trust.ts";
import { checkMaterial, type GivenMaterial, type MaterialSources } from "./material.ts";
import {
  assertNotEnded,
  Followers,
  isSameMaterial,
  type MaterialSource,
  type SourceTime,
  systemTime,
} from "./material-source.ts";
import { notRenewed } from "./watched-material.ts";

/** How often the function is called, and how long it may take. In milliseconds; `Infinity` is no limit. */
export interface ProviderTimes {
  readonly freshForMs: number;
  readonly staleForMs: number;
  readonly timeoutMs: number;
}

const SOURCES: MaterialSources = {
  ca: "the provider's 'ca'",
  cert: "the provider's 'cert'",
  key: "the provider's 'key'",
};
const SLOW_MS = 5_000;
/** While somebody follows, the function is called no more often than this. */
const LEAST_INTERVAL_MS = 1_000;
const WARNING_INTERVAL_MS = 60_000;

/** The source of `WorkerCredentials.provider`. */
export class ProvidedMaterial implements MaterialSource {
  readonly #provide: () => Promise<GivenMaterial>;
  readonly #policy: TrustPolicy;
  readonly #times: ProviderTimes;
  readonly #time: SourceTime;
  readonly #followers = new Followers();
  readonly #warn: (key: string, text: string) => boolean;
  #known: TrustMaterial | undefined;
  #refreshedAtMs = 0;
  /** Calls of the function, counted: one that has been given up may still end, but not replace what is newer. */
  #begun = 0;
  #committed = 0;
  #refreshing: Promise<TrustMaterial> | undefined;
  #next: DeadlineEntry | undefined;

  /** @param provide Gives all parts that the policy demands, or throws. */
  constructor(
    provide: () => Promise<GivenMaterial>,
    policy: TrustPolicy,
    times: ProviderTimes,
    time: SourceTime = systemTime,
  ) {
    this.#provide = provide;
    this.#policy = policy;
    this.#times = times;
    this.#time = time;
    this.#warn = createThrottle((text) => warn("MERINO_CREDENTIALS_NOT_RENEWED", text), {
      intervalMs: WARNING_INTERVAL_MS,
      clock: { now: () => time.queue.now() },
    });
  }

  get known(): TrustMaterial | undefined {
    return this.#known;
  }

  async current(): Promise<TrustMaterial> {
    const { freshForMs, staleForMs } = this.#times;
    const known = this.#known;
    const ageMs = this.#time.queue.now() - this.#refreshedAtMs;
    const lasts = known !== undefined && this.#time.date() < (known.endsAtMs ?? Number.POSITIVE_INFINITY);
    if (lasts && ageMs < freshForMs + staleForMs) {
      if (ageMs >= freshForMs) this.#refreshBehind();
      return known;
    }
    const material = await this.#refresh();
    assertNotEnded(material, this.#time.date());
    return material;
  }

  follow(changed: (material: TrustMaterial) => void): Disposable {
    const follower = this.#followers.add(changed);
    this.#refreshLater();
    return {
      [Symbol.dispose]: () => {
        follower[Symbol.dispose]();
        if (this.#followers.size > 0 || this.#next === undefined) return;
        this.#time.queue.cancel(this.#next);
        this.#next = undefined;
      },
    };
  }

  #refreshLater(): void {
    const { freshForMs } = this.#times;
    if (this.#followers.size === 0 || this.#next !== undefined || freshForMs === Number.POSITIVE_INFINITY)
      return;
    this.#next = this.#time.queue.after(Math.max(freshForMs, LEAST_INTERVAL_MS), () => {
      this.#next = undefined;
      this.#refreshBehind();
      this.#refreshLater();
    });
  }

  /** Refreshes while what there is stays in use. */
  #refreshBehind(): void {
    this.#refresh().catch((error: unknown) => {
      if (this.#known !== undefined) this.#warn("provider", notRenewed(this.#known, error));
    });
  }

  #refresh(): Promise<TrustMaterial> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    this.#begun += 1;
    const refreshing = this.#within(this.#load(this.#begun)).finally(() => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined;
    });
    this.#refreshing = refreshing;
    return refreshing;
  }

  async #load(number: number): Promise<TrustMaterial> {
    let given: GivenMaterial;
    try {
      given = await this.#provide();
    } catch (error) {
      if (isMerinoError(error)) throw error;
      throw unavailable(`it has failed: ${errorText(error)}`, error);
    }
    const material = checkMaterial(given, this.#policy, SOURCES, this.#time.date());
    const previous = this.#known;
    if (number < this.#committed) return previous ?? material;
    this.#committed = number;
    this.#refreshedAtMs = this.#time.queue.now();
    if (previous !== undefined && isSameMaterial(previous, material)) return previous;
    this.#known = material;
    if (previous !== undefined) this.#followers.tell(material);
    return material;
  }

  /** Waits for a call of the function as long as it may take, and warns if that is long. */
  #within(loading: Promise<TrustMaterial>): Promise<TrustMaterial> {
    const { queue } = this.#time;
    const { timeoutMs } = this.#times;
    return new Promise((resolve, reject) => {
      const slow = queue.after(SLOW_MS, () =>
        warn(
          "MERINO_CREDENTIALS_SLOW",
          `The function given to WorkerCredentials.provider has taken ${SLOW_MS / 1_000} s so far; connections wait for it.`,
        ),
      );
      const late = queue.after(timeoutMs, () => {
        reject(unavailable(`it has not answered within ${timeoutMs} ms`));
      });
      loading.then(resolve, reject).finally(() => {
        queue.cancel(slow);
        queue.cancel(late);
      });
    });
  }
}

function unavailable(what: string, cause?: unknown): CredentialsError {
  return new CredentialsError(
    {
      reason: "unavailable",
      source: "the provider",
      what,
      remedy: "Mend the function given to WorkerCredentials.provider",
    },
    cause === undefined ? undefined : { cause },
  );
}

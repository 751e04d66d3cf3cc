/**
 * Material from files that are replaced now and then, by whichever means: renamed over, written in place, one after the
 * other. New material is used only when it is whole; until then what there was stays, to its own end.
 *
 * The files are looked at by their state rather than by `fs.watch`, which sees neither changes behind symbolic links,
 * as Kubernetes makes them, nor those on network file systems. Somebody has to follow, or to ask.
 */
import { errorText } from "../../internal/error-text.ts";
import type { DeadlineEntry } from "../../internal/time/deadline-queue.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { waitAtMost } from "../../internal/time/wait.ts";
import { warn } from "../../internal/warn.ts";
import type { TrustMaterial, TrustPolicy } from "../trust.ts";
import {
  type CredentialPaths,
  type FileState,
  readFiles,
  readFilesNow,
  sourcesOf,
  stateOfFiles,
} from "./credential-files.ts";
import { checkMaterial, type GivenMaterial } from "./material.ts";
import {
  assertNotEnded,
  Followers,
  isSameMaterial,
  type MaterialSource,
  type SourceTime,
  systemTime,
} from "./material-source.ts";

/** How often the files are looked at while somebody follows. */
const LOOK_INTERVAL_MS = 400;
/** A look that is older does not do for somebody who asks. */
const LOOK_LASTS_MS = 500;
/** How long somebody who asks waits for a look: a file system may not answer for ever. */
const LOOK_LIMIT_MS = 2_000;
/** A fault that lasts no longer is that of files which are just being replaced. */
const FAULT_MATTERS_AFTER_MS = 2_000;
const WARNING_INTERVAL_MS = 60_000;

/** The source of `WorkerCredentials.watch`. */
export class WatchedMaterial implements MaterialSource {
  readonly #paths: CredentialPaths;
  readonly #passphrase: string | undefined;
  readonly #policy: TrustPolicy;
  readonly #time: SourceTime;
  readonly #followers = new Followers();
  readonly #warn: (key: string, text: string) => boolean;
  #known: TrustMaterial;
  /** The state that the files had when they were last read; absent if they have to be read in any case. */
  #state: string | undefined;
  #lookedAtMs: number;
  #looking: Promise<void> | undefined;
  #next: DeadlineEntry | undefined;
  #fault: { readonly error: unknown; readonly sinceMs: number } | undefined;

  /** @throws {@link CredentialsError} if the material is not whole from the start. */
  constructor(
    files: { readonly paths: CredentialPaths; readonly passphrase: string | undefined },
    policy: TrustPolicy,
    time: SourceTime = systemTime,
  ) {
    this.#paths = files.paths;
    this.#passphrase = files.passphrase;
    this.#policy = policy;
    this.#time = time;
    this.#warn = createThrottle((text) => warn("MERINO_CREDENTIALS_NOT_RENEWED", text), {
      intervalMs: WARNING_INTERVAL_MS,
      clock: { now: () => time.queue.now() },
    });
    this.#known = this.#check(readFilesNow(files.paths));
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  get known(): TrustMaterial {
    return this.#known;
  }

  async current(): Promise<TrustMaterial> {
    if (this.#time.queue.now() - this.#lookedAtMs > LOOK_LASTS_MS) {
      await waitAtMost(LOOK_LIMIT_MS, this.#look(), this.#time.queue);
    }
    assertNotEnded(this.#known, this.#time.date(), this.#fault?.error);
    return this.#known;
  }

  follow(changed: (material: TrustMaterial) => void): Disposable {
    const follower = this.#followers.add(changed);
    this.#lookLater();
    return {
      [Symbol.dispose]: () => {
        follower[Symbol.dispose]();
        if (this.#followers.size > 0 || this.#next === undefined) return;
        this.#time.queue.cancel(this.#next);
        this.#next = undefined;
      },
    };
  }

  #lookLater(): void {
    if (this.#followers.size === 0 || this.#next !== undefined) return;
    this.#next = this.#time.queue.after(LOOK_INTERVAL_MS, () => {
      this.#next = undefined;
      void this.#look().then(() => this.#lookLater());
    });
  }

  /** Looks at the files, and takes what is new. Never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
      this.#lookedAtMs = this.#time.queue.now();
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    let state: FileState | undefined;
    try {
      state = await stateOfFiles(this.#paths, this.#time.date());
      if (state.text === this.#state) {
        if (this.#fault !== undefined) this.#tellFault(this.#fault.error);
        return;
      }
      const material = this.#check(await readFiles(this.#paths));
      // What was written between the look and the reading has changed the state, and is read once more.
      this.#state = state.recent ? undefined : state.text;
      this.#fault = undefined;
      if (isSameMaterial(this.#known, material)) return;
      this.#known = material;
      this.#followers.tell(material);
    } catch (error) {
      // One that is not valid yet becomes so without being written again.
      const passes = state === undefined || state.recent || isNotYetValid(error);
      this.#state = passes ? undefined : state?.text;
      this.#tellFault(error);
    }
  }

  #check(given: Omit<GivenMaterial, "passphrase">): TrustMaterial {
    const whole = this.#passphrase === undefined ? given : { ...given, passphrase: this.#passphrase };
    return checkMaterial(whole, this.#policy, sourcesOf(this.#paths), this.#time.date());
  }

  #tellFault(error: unknown): void {
    const nowMs = this.#time.queue.now();
    this.#fault = { error, sinceMs: this.#fault?.sinceMs ?? nowMs };
    if (nowMs - this.#fault.sinceMs < FAULT_MATTERS_AFTER_MS) return;
    this.#warn("files", notRenewed(this.#known, error));
  }
}

/** What a warning says of material that takes the place of none. */
export function notRenewed({ endsAtMs }: TrustMaterial, error: unknown): string {
  const end = endsAtMs === undefined ? "" : `, at most until ${new Date(endsAtMs).toISOString()}`;
  return `Credentials have not been renewed. Those from before stay in use${end}. ${errorText(error)}`;
}

function isNotYetValid(error: unknown): boolean {
  return (error as { readonly reason?: unknown } | null)?.reason === "not-yet-valid";
}

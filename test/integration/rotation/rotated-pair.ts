/**
 * The files of one side's credentials, replaced over and over: whole, behind a link that is turned, as Kubernetes does; or
 * torn on the way, as by people and scripts that write one file after the other.
 *
 * Each pair has a number, which its certificate presents as its name, so that whoever connects can tell which is in use.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { WorkerCredentials } from "merino";
import { type Authority, type IssuedCertificate, writeCertificate } from "../../support/issue-certificate.ts";

/** What files are like while somebody replaces them. */
export type Tear =
  | "key first"
  | "certificate first"
  | "empty"
  | "cut off"
  | "gone"
  | "wrong pair"
  | "stranger";

export const TEARS: readonly Tear[] = [
  "key first",
  "certificate first",
  "empty",
  "cut off",
  "gone",
  "wrong pair",
  "stranger",
];

/** Which side of a connection presents the certificate. */
export type Side = "worker" | "caller";

/** Who signs, and for where. */
export interface Parties {
  readonly authority: Authority;
  /** What somebody of another authority has. */
  readonly stranger: IssuedCertificate;
  /** Addresses that the certificates present. Default: 127.0.0.1. */
  readonly ips?: readonly string[];
}

/** Where the files of a pair are. */
export interface PairFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How a pair is replaced. */
export interface Replacement {
  /** In which state the files are for a while before they are whole, and for how long. Absent: they are whole at once. */
  readonly torn?: { readonly how: Tear; readonly ms: number } | undefined;
  /** When the new certificate ends, in milliseconds since 1970. Default: in a month. */
  readonly endsAtMs?: number;
}

/** The number of the pair that a certificate presents, among the names of one side. */
export function pairNumber(names: readonly string[], side: Side): number {
  for (const name of names) {
    const number = name.startsWith(`spiffe://farm/${side}/`) ? Number(name.split("/").at(-1)) : Number.NaN;
    if (Number.isInteger(number)) return number;
  }
  throw new Error(`No name of a ${side} among ${names.join(", ") || "none"}`);
}

/** Such files, with credentials that follow them. */
export class RotatedPair {
  readonly credentials: WorkerCredentials;
  readonly files: PairFiles;
  readonly #folder: string;
  readonly #side: Side;
  readonly #parties: Parties;
  #number = 0;
  #pair: IssuedCertificate;
  #wholeAtMs = performance.now();

  constructor(folder: string, side: Side, parties: Parties) {
    this.#folder = folder;
    this.#side = side;
    this.#parties = parties;
    this.#pair = this.#issue({});
    mkdirSync(folder, { recursive: true });
    this.#turnLink(this.#pair);
    const file = (name: string): string => path.join(folder, "current", name);
    this.files = { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
    const peers = [`spiffe://farm/${side === "worker" ? "caller" : "worker"}/*`];
    this.credentials = WorkerCredentials.watch({ ...this.files, peers });
  }

  /** The number of the newest pair. */
  get number(): number {
    return this.#number;
  }

  /** The newest pair, whether the files have it or are torn. */
  get pair(): IssuedCertificate {
    return this.#pair;
  }

  /** When the files were last made whole, in milliseconds of `performance.now()`. */
  get wholeAtMs(): number {
    return this.#wholeAtMs;
  }

  /** Puts another pair in place. Resolves when all of it is there. */
  async replace({ torn, ...options }: Replacement = {}): Promise<void> {
    this.#number += 1;
    this.#pair = this.#issue(options);
    if (torn === undefined) this.#turnLink(this.#pair);
    else {
      this.tear(torn.how);
      await pause(torn.ms);
      this.mend();
    }
    this.#wholeAtMs = performance.now();
  }

  /** Leaves the files in a state in which they are of no use. */
  tear(how: Tear): void {
    const { cert, key } = this.#pair;
    switch (how) {
      case "key first":
        return this.#write("key", key);
      case "certificate first":
        return this.#write("cert", cert);
      case "empty":
        this.#write("key", key);
        return this.#write("cert", "");
      case "cut off":
        this.#write("key", key);
        return this.#write("cert", cert.slice(0, cert.length / 2));
      case "gone":
        return unlinkSync(this.files.cert);
      case "wrong pair":
        this.#write("key", this.#parties.stranger.key);
        return this.#write("cert", cert);
      case "stranger": // fits, but is of an authority that nobody trusts
        this.#write("key", this.#parties.stranger.key);
        return this.#write("cert", this.#parties.stranger.cert);
    }
  }

  /** Writes what the files should have, one after the other and in place. */
  mend(): void {
    this.#write("key", this.#pair.key);
    this.#write("cert", this.#pair.cert);
    this.#wholeAtMs = performance.now();
  }

  #issue({ endsAtMs }: Omit<Replacement, "torn">): IssuedCertificate {
    const { authority, ips = ["127.0.0.1"] } = this.#parties;
    return authority.issue({
      uris: [`spiffe://farm/${this.#side}/${this.#number}`],
      dns: ["localhost"],
      ips,
      ...(endsAtMs !== undefined && { endsAtMs }),
    });
  }

  #turnLink(pair: IssuedCertificate): void {
    const current = path.join(this.#folder, "current");
    const next = `pair-${this.#number}`;
    writeCertificate(path.join(this.#folder, next), { ...pair, ca: this.#parties.authority.ca });
    symlinkSync(next, `${current}.new`);
    renameSync(`${current}.new`, current);
    rmSync(path.join(this.#folder, `pair-${this.#number - 1}`), { recursive: true, force: true });
  }

  #write(part: "cert" | "key", text: string): void {
    writeFileSync(this.files[part], text);
  }
}

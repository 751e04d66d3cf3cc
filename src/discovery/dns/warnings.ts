/** What is wrong with a DNS name or at an address behind it, told in warnings: once for as long as it stays so. */
import { type WarningCode, warn } from "../../internal/warn.ts";
import type { DnsFindings } from "./lookup.ts";

/** Most addresses named in warnings at a time. */
const MAX_NAMED = 8;

/** Not to be taken for addresses, which contain a colon. */
const LOOKUP = "lookup";
const TOO_MANY = "too many";

/** Warnings about one name. */
export class DnsWarnings {
  readonly #name: string;
  /** What is wrong at present and has been told: addresses, and the two above. */
  readonly #told = new Set<string>();
  #answered = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** Tells what is odd about an answer of DNS. */
  lookedUp({ addresses, failure }: DnsFindings): void {
    if (failure !== undefined) {
      this.#tell(
        LOOKUP,
        `Cannot look up '${this.#name}', keeping the workers known and trying again: ${failure.message}`,
      );
      return;
    }
    this.#told.delete(LOOKUP);
    if (addresses.length === 0 && !this.#answered) {
      warn(
        "MERINO_DISCOVERY",
        `DNS knows no addresses of '${this.#name}' yet; the name must be complete: search domains are not applied`,
      );
    }
    this.#answered = true;
  }

  /** Tells that there are more addresses than are followed, which stays so until {@link DnsWarnings.fewEnough}. */
  tooMany(limit: number): void {
    this.#tell(TOO_MANY, `'${this.#name}' has more than ${limit} addresses`);
  }

  fewEnough(): void {
    this.#told.delete(TOO_MANY);
  }

  /** Tells that there is no worker at an address, which stays so until it is {@link DnsWarnings.settled}. */
  unserved(address: string, why: string, code: WarningCode = "MERINO_DISCOVERY"): void {
    if (this.#told.size >= MAX_NAMED) return;
    this.#tell(address, `No worker at '${address}' of '${this.#name}', trying again: ${why}`, code);
  }

  /** There is a worker at the address, or nothing is expected there any more. */
  settled(address: string): void {
    this.#told.delete(address);
  }

  #tell(subject: string, text: string, code: WarningCode = "MERINO_DISCOVERY"): void {
    if (this.#told.has(subject)) return;
    this.#told.add(subject);
    warn(code, text);
  }
}

/** Warns of what is wrong with a DNS name: once for as long as it stays wrong. */
import { warn } from "../../internal/warn.ts";
import type { DnsFindings } from "./lookup.ts";

/** Warnings about one name. */
export class DnsWarnings {
  readonly #name: string;
  /** The present problems of which it has warned. */
  readonly #told = new Set<"lookup" | "too many">();
  #answered = false;

  constructor(name: string) {
    this.#name = name;
  }

  /** Warns of an odd answer of DNS. */
  lookedUp({ addresses, failure }: DnsFindings): void {
    if (failure !== undefined) {
      this.#tell(
        "lookup",
        `Cannot look up '${this.#name}', keeping the workers known and trying again: ${failure.message}`,
      );
      return;
    }
    this.#told.delete("lookup");
    if (addresses.length === 0 && !this.#answered) {
      warn(
        "MERINO_DISCOVERY",
        `DNS knows no addresses of '${this.#name}' yet; the name must be complete: search domains are not applied`,
      );
    }
    this.#answered = true;
  }

  /** Warns that there are more addresses than are followed; not again before {@link DnsWarnings.fewEnough}. */
  tooMany(limit: number): void {
    this.#tell("too many", `'${this.#name}' has more than ${limit} addresses`);
  }

  fewEnough(): void {
    this.#told.delete("too many");
  }

  #tell(subject: "lookup" | "too many", text: string): void {
    if (this.#told.has(subject)) return;
    this.#told.add(subject);
    warn("MERINO_DISCOVERY", text);
  }
}

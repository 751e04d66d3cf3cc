/** Warns that there is no worker at an address: once for as long as that stays so. */
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { warn } from "../../internal/warn.ts";

/** The largest number of addresses that count as named in warnings at a time. */
const MAX_NAMED = 8;
/** An address that nobody serves (yet, or any more) is named after this many failed attempts. */
const FAILURES_UNTIL_WARNING = 3;

/** Warnings about the addresses of one discovery. */
export class AddressWarnings {
  readonly #where: string;
  /** Addresses that have been named and not been settled since. */
  readonly #named = new Set<string>();

  /** @param name The DNS name that has the addresses; absent: they were given one by one. */
  constructor(name?: string) {
    this.#where = name === undefined ? "" : ` of '${name}'`;
  }

  /**
   * Notes that there is no worker at an address, until {@link AddressWarnings.settled} says otherwise. It warns
   * at once if something else answers there, and after a few attempts if nobody answers.
   *
   * @param failures Attempts in a row that have failed.
   * @param error Undefined: something answered, but not with a worker's record.
   */
  unserved(address: string, failures: number, error: unknown): void {
    const answered = error === undefined || hasCode(error, "ERR_MERINO_PROTOCOL");
    if (!answered && failures < FAILURES_UNTIL_WARNING) return;
    if (this.#named.size >= MAX_NAMED || this.#named.has(address)) return;
    this.#named.add(address);
    warn(
      answered ? "MERINO_BAD_ADVERTISEMENT" : "MERINO_DISCOVERY",
      `No worker at '${address}'${this.#where}, trying again: ` +
        (answered ? "what it says of itself is no worker's record" : errorText(error)),
    );
  }

  /** There is a worker at the address, or nothing is expected there any more. */
  settled(address: string): void {
    this.#named.delete(address);
  }
}

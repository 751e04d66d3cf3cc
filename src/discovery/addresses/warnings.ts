/** That there is no worker at an address, told in warnings: once for as long as it stays so. */
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { warn } from "../../internal/warn.ts";

/** Most addresses named in warnings at a time. */
const MAX_NAMED = 8;
/** One that nobody serves yet, or any more, is named after so many attempts. */
const FAILURES_UNTIL_WARNING = 3;

/** Warnings about the addresses of one discovery. */
export class AddressWarnings {
  readonly #where: string;
  /** Addresses that have been named and not been settled since. */
  readonly #named = new Set<string>();

  /** @param name What the addresses are those of; absent: they were given. */
  constructor(name?: string) {
    this.#where = name === undefined ? "" : ` of '${name}'`;
  }

  /**
   * Tells that there is no worker at an address, which stays so until it is {@link AddressWarnings.settled}: at once if
   * something else answers, after a few attempts if nobody does.
   *
   * @param failures Attempts in a row that have failed.
   * @param error Undefined: it has answered, with what is no worker's record.
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

/**
 * The answers of workers that would not take one call: which have been asked, and what the call fails with if
 * none is left to ask. Where it goes next is decided in `dispatch/refused-calls.ts`. Each worker has one entry, however often it
 * has refused.
 */
import { NoWorkersAvailableError, type Refusal } from "../../errors/no-workers-available-error.ts";
import { PayloadError } from "../../errors/payload-error.ts";
import { type ReservationEnd, ReservationLostError } from "../../errors/reservation-lost-error.ts";
import { RoutineNotFoundError } from "../../errors/routine-not-found-error.ts";
import { TaskRefusedError } from "../../errors/task-refused-error.ts";
import { VersionError } from "../../errors/version-error.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import type { Nack } from "../../wire/frames.ts";
import { NackCode, refusalName } from "../../wire/messages/nack-code.ts";
import { version } from "../../wire/version.ts";
import type { OutgoingTask } from "./outgoing-task.ts";

/** Refusals that have a reason of their own. */
const REASONS: Readonly<Record<number, Refusal["reason"]>> = {
  [NackCode.DRAINING]: "draining",
  [NackCode.VERSION]: "version",
  [NackCode.CODEC]: "codec",
};

/** The refusals of one call, as far as they say nothing about the call itself. */
export class RefusalRecord {
  #reasons: readonly Refusal[] = [];
  /** Workers not to be asked again for now. */
  readonly #standing = new Set<string>();
  /** Workers not to be asked again by this call, since they do not have its routine, or what it needs. */
  readonly #lacking = new Set<string>();
  /** Whether every refusal so far was for want of the routine, and the text of the last such refusal. */
  #onlyUnknown = true;
  #unknownReason: string | undefined;
  /** Whether every refusal so far was for want of the routine or of a worker that stays, and the last failed import. */
  #onlyImports = true;
  #failedImport: { readonly reason: string; readonly cause: unknown } | undefined;
  /**
   * Whether the call fails with the next import that fails. A call made after an import had failed does not: it goes
   * on to a worker that has not tried the import yet.
   */
  endsWithImport = false;
  /**
   * Whether it waits for a worker that takes the place of one that would not take it: of one that ends, or in which an
   * import has failed. What others have answered before or after that does not matter.
   */
  awaitsReplacement = false;
  /** Whether every refusal so far was for the version, and the version of the last such worker; "" if it did not say. */
  #onlyVersion = true;
  #otherVersion = "";
  /** The last refusal, if every one so far was for want of exposure. */
  #notExposed: Nack | undefined;

  /** Whether any worker is not to be asked again for now. */
  get stand(): boolean {
    return this.#standing.size > 0 || this.#lacking.size > 0;
  }

  /** Whether this worker is not to be asked again for now. */
  has(uid: string): boolean {
    return this.#standing.has(uid) || this.#lacking.has(uid);
  }

  /** Those that are not to be asked again for now. */
  get uids(): readonly string[] {
    return [...this.#standing, ...this.#lacking];
  }

  /** @param cause The error behind the refusal, where there is one. */
  add(uid: string, nack: Nack, cause?: unknown): void {
    const { code } = nack;
    const isLacking =
      code === NackCode.UNKNOWN_ROUTINE || code === NackCode.NOT_EXPOSED || code === NackCode.LACKS_RESOURCES;
    (isLacking ? this.#lacking : this.#standing).add(uid);
    const why = shownBriefly(nack.reason);
    if (nack.code === NackCode.DRAINING) this.awaitsReplacement = true;
    const isFirst = this.#reasons.length === 0;
    if (nack.code !== NackCode.NOT_EXPOSED) this.#notExposed = undefined;
    else if (isFirst || this.#notExposed !== undefined) this.#notExposed = nack;
    const reason = REASONS[nack.code] ?? "refused";
    const refusal: Refusal = { uid, reason, detail: `${refusalName(nack.code)}: ${why}` };
    this.#reasons = [...this.#reasons.filter((earlier) => earlier.uid !== uid), refusal];
    if (nack.code === NackCode.VERSION) this.#otherVersion = nack.version;
    else this.#onlyVersion = false;
    if (nack.code === NackCode.UNKNOWN_ROUTINE) this.#unknownReason = why;
    else this.#onlyUnknown = false;
    if (nack.code === NackCode.IMPORT_FAILED) this.#failedImport = { reason: why, cause };
    else if (nack.code !== NackCode.DRAINING && nack.code !== NackCode.UNKNOWN_ROUTINE)
      this.#onlyImports = false;
  }

  /** Lets every worker that may have the routine be asked again. Their refusals so far are still reported at the end. */
  forgive(): void {
    this.#standing.clear();
  }

  /**
   * The error for the caller when nobody is left to ask.
   *
   * @param lastStartError Why no other worker has come, where that is known.
   */
  toError(definition: RoutineDefinition, lastStartError?: Error): Error {
    if (this.#onlyVersion && this.#otherVersion !== "") {
      return new VersionError(version, this.#otherVersion, {
        cause: new NoWorkersAvailableError(this.#reasons),
      });
    }
    const { id, declaredIn } = definition;
    if (this.#notExposed !== undefined) return refusalError(id, this.#notExposed);
    if (this.#failedImport !== undefined) {
      const { reason, cause } = this.#failedImport;
      return this.#onlyImports
        ? new RoutineNotFoundError(id, reason, causedBy(cause))
        : new NoWorkersAvailableError(this.#reasons, causedBy(cause));
    }
    if (!this.#onlyUnknown || this.#unknownReason === undefined)
      return new NoWorkersAvailableError(this.#reasons, causedBy(lastStartError));
    return new RoutineNotFoundError(id, `${this.#unknownReason}${enclosureHint(declaredIn)}`);
  }
}

/** What the function around a declaration has to do with it, as the end of a sentence. */
function enclosureHint(declaredIn: string | undefined): string {
  if (declaredIn === undefined) return "";
  // That may be what a tool has put around the module.
  if (declaredIn === "<anonymous>")
    return " (it is declared inside a function without a name, which a worker does not call)";
  return ` (it is declared inside the function '${declaredIn}', which a worker does not call; move it to the top level of its module)`;
}

function causedBy(cause: unknown): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause };
}

/**
 * One refusal, as an error.
 *
 * @param cause The error behind it, where there is one.
 */
export function refusalError(routine: string, nack: Nack, cause?: unknown): Error {
  const why = shownBriefly(nack.reason);
  switch (nack.code) {
    case NackCode.BAD_PAYLOAD:
      return new PayloadError(`Cannot run '${routine}': ${why}`);
    case NackCode.VERSION:
      return new VersionError(version, nack.version);
    case NackCode.RESERVATION_LOST:
      return new ReservationLostError(`Cannot run '${routine}' within a reservation`, {
        end: "expired",
        worker: "",
      });
    case NackCode.UNKNOWN_ROUTINE:
    case NackCode.IMPORT_FAILED:
      return new RoutineNotFoundError(routine, why, causedBy(cause));
    default:
      return new TaskRefusedError(
        refusalName(nack.code),
        `Cannot run '${routine}': the worker refused it (${refusalName(nack.code)}): ${why}`,
      );
  }
}

/** The error of a call that needs what one of the tasks holds that it is made in; `undefined` if none does. */
export function refusalForHolder({ routine, needs, parent }: OutgoingTask): Error | undefined {
  if (needs === undefined || parent === undefined) return undefined;
  const name = parent.held.find((held) => needs.has(held));
  if (name === undefined) return undefined;
  return new TaskRefusedError(
    "HELD",
    `Cannot run '${routine}': it needs '${name}', of which the task that calls it, or one above that, holds some, so that it might wait for its own caller; call it from outside, or do its work in the task itself`,
  );
}

/** The error of a call whose reservation has ended. */
export function reservationLost(
  { routine }: { readonly routine: string },
  worker: string,
  end: ReservationEnd,
): ReservationLostError {
  return new ReservationLostError(`Cannot run '${routine}' within a reservation`, { end, worker });
}

/**
 * The error of a call that no worker takes: it names the answers of the workers that were asked, or why none
 * was asked.
 *
 * @param members The members, which tell why they were not asked.
 * @param lastStartError Why no other worker has come, where that is known.
 */
export function noTakerError(
  call: { readonly refusals: RefusalRecord | undefined; readonly definition: RoutineDefinition },
  members: { whyNone(): readonly Refusal[] },
  lastStartError: Error | undefined,
): Error {
  const { refusals, definition } = call;
  return (
    refusals?.toError(definition, lastStartError) ??
    new NoWorkersAvailableError(members.whyNone(), causedBy(lastStartError))
  );
}

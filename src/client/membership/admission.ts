/**
 * The rules of admission: which workers may become members. One pure function for every path by which a
 * worker can arrive; whether there is a place for it is up to `places.ts`.
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { shownBriefly, shownText } from "../../internal/shown-text.ts";
import { isVersionCompatible, WIRE_CODEC } from "../../wire/version.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { localSocketOf } from "../connection/local-socket.ts";
import type { BuildRule } from "./build-rule.ts";

/** The rules by which a worker is judged. */
export interface AdmissionRules {
  /** This side's version. */
  readonly version: string;
  /** Whether connections over the network are authenticated. */
  readonly secure: boolean;
  /** Identifies this host: sockets on it can be reached. */
  readonly hostId: string;
  /** The pool's own condition. */
  readonly filter: ((worker: WorkerMetadata) => boolean) | undefined;
  /** Which builds it takes. Default: all. */
  readonly build?: BuildRule | undefined;
}

/**
 * Judges a record by everything but capacity.
 *
 * @returns Why the worker may not become a member, or `undefined` if it may.
 */
export function judgeAdmission(worker: WorkerMetadata, rules: AdmissionRules): Refusal | undefined {
  const { uid } = worker;
  // A local peer counts as secure: nobody but this user reaches its socket.
  if (worker.secure !== rules.secure && localSocketOf(worker, rules.hostId) === undefined) {
    return {
      uid,
      reason: "security",
      detail: rules.secure
        ? "it is not secure, and this pool has credentials"
        : "it is secure, and this pool has no credentials",
    };
  }
  if (!isVersionCompatible(rules.version, worker.version)) {
    return {
      uid,
      reason: "version",
      detail: `it runs '${shownText(worker.version)}', this side '${rules.version}'; majors must be equal`,
    };
  }
  // Records given by code may leave the codecs out; records from outside are completed by their source.
  if (worker.codecs !== undefined && !worker.codecs.includes(WIRE_CODEC)) {
    return {
      uid,
      reason: "codec",
      detail: `it speaks [${shownBriefly(worker.codecs.join(", "))}], this side '${WIRE_CODEC}'`,
    };
  }
  if (rules.filter !== undefined && !rules.filter(worker)) {
    return { uid, reason: "filter", detail: "the pool's filter does not accept it" };
  }
  const detail = rules.build?.judge(worker);
  return detail === undefined ? undefined : { uid, reason: "build", detail };
}

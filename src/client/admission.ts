/**
 * The admission gate: which workers may become members. One pure function for every path by which a
 * worker can arrive, and the bookkeeping of those refused for capacity alone.
 */
import type { Refusal } from "../errors/no-workers-available-error.ts";
import { isVersionCompatible, WIRE_CODEC } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** What a worker is judged by. */
export interface AdmissionRules {
  /** This side's version. */
  readonly version: string;
  /** Whether connections must be authenticated. */
  readonly secure: boolean;
  /** The pool's own condition. */
  readonly filter: ((worker: WorkerMetadata) => boolean) | undefined;
}

/**
 * Judges a record by everything but capacity.
 *
 * @returns Why the worker may not become a member, or `undefined` if it may.
 */
export function judgeAdmission(worker: WorkerMetadata, rules: AdmissionRules): Refusal | undefined {
  const { uid } = worker;
  if (rules.secure && !worker.secure) {
    return { uid, reason: "security", detail: "it is not secure, and this pool has credentials" };
  }
  if (!rules.secure && worker.secure && !worker.address.startsWith("unix:") && worker.socket === undefined) {
    return { uid, reason: "security", detail: "it is secure, and this pool has no credentials" };
  }
  if (!isVersionCompatible(rules.version, worker.version)) {
    return {
      uid,
      reason: "version",
      detail: `it runs '${worker.version}', this side '${rules.version}'; majors must be equal`,
    };
  }
  // Records given by code may leave the codecs out; records from outside are completed by their source.
  if (worker.codecs !== undefined && !worker.codecs.includes(WIRE_CODEC)) {
    return {
      uid,
      reason: "codec",
      detail: `it speaks [${worker.codecs.join(", ")}], this side '${WIRE_CODEC}'`,
    };
  }
  if (rules.filter !== undefined && !rules.filter(worker)) {
    return { uid, reason: "filter", detail: "the pool's filter does not accept it" };
  }
  return undefined;
}

/** Where a worker's socket can be reached from here; undefined when only another carrier could. */
export function localSocketOf(worker: WorkerMetadata, hostId: string): string | undefined {
  if (worker.socket !== undefined && worker.hostId === hostId) return worker.socket;
  return worker.address.startsWith("unix:") ? worker.address.slice("unix:".length) : undefined;
}

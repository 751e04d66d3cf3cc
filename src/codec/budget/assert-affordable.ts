/** Refuses to send over a network what the peer would refuse to read there, under the path that the program knows. */
import type { Fault } from "../../errors/merino-error.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import type { AuditedBytes, AuditStep, Excess } from "./excess.ts";
import { auditPayload } from "./payload-audit.ts";

/** What the payload is, for the path. */
export interface AuditedValue {
  /** First segment of the path: `"args"`, `"result"`, `"value"`, … */
  readonly root: string;
  /** The first element of the arguments is the receiver of a method. */
  readonly receiver?: boolean;
  readonly fault?: Fault;
}

/**
 * Checks that a payload is long enough for what its values cost to read.
 *
 * @throws {@link NotSerializableError} (ERR_MERINO_NOT_SERIALIZABLE) if it is not.
 */
export function assertAffordable(payload: AuditedBytes, value: AuditedValue): void {
  const excess = auditPayload(payload, "sender");
  if (excess === undefined) return;
  const { fault } = value;
  const options = fault === undefined ? undefined : { fault };
  throw new NotSerializableError(pathOf(excess.steps, value), explain(excess, payload), options);
}

function explain({ cost, allowed, colliding }: Excess, { start, end }: AuditedBytes): string {
  if (colliding) {
    return "its keys collide in the hash table of the engine, which would take the receiver very long; over a network, send them as an array";
  }
  const size = end - start;
  return `over a network a message must be as long as its values are dear to make, and up to here those of this one count for ${cost} bytes, where its ${size} bytes allow ${allowed}; send less at a time, or flatter: typed arrays, strings or arrays in place of many small Maps, Sets, bigints, buffers, errors, or objects with keys of their own`;
}

function pathOf(steps: readonly AuditStep[], { root, receiver = false }: AuditedValue): string {
  let path = root;
  steps.forEach((step, depth) => {
    if (depth === 0 && receiver && typeof step === "number") {
      path = step === 0 ? "this" : `${root}[${step - 1}]`;
    } else {
      path += typeof step === "number" ? `[${step}]` : step;
    }
  });
  return path;
}

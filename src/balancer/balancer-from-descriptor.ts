/**
 * Rebuilds a balancer from a descriptor that travelled with a task. Knows the registered kinds and nothing else: a
 * descriptor may be hostile.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Balancer } from "./balancer.ts";
import { LeastBusyBalancer } from "./least-busy-balancer.ts";
import { RoundRobinBalancer } from "./round-robin-balancer.ts";
import { StickyBalancer } from "./sticky-balancer.ts";

/**
 * Makes the balancer that a descriptor names, with a fresh turn.
 *
 * @param descriptor Data with a `kind`; undefined gives the default policy.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) for a kind that is not registered.
 * @example
 * balancerFromDescriptor({ kind: "round-robin" }); // => a RoundRobinBalancer
 */
export function balancerFromDescriptor(descriptor: unknown): Balancer {
  if (descriptor === undefined) return new LeastBusyBalancer();
  const kind =
    typeof descriptor === "object" && descriptor !== null && "kind" in descriptor && descriptor.kind;
  switch (kind) {
    case "least-busy":
      return new LeastBusyBalancer();
    case "round-robin":
      return new RoundRobinBalancer();
    case "sticky":
      return new StickyBalancer();
    default:
      throw new InvalidOptionError("balancer.kind", {
        value: kind,
        expected: "'least-busy', 'round-robin' or 'sticky'",
      });
  }
}

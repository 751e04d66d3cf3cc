/** Names of namespaces for tests. */
import { serviceType } from "../../src/discovery/lan/service.ts";

/** Finds two namespaces that share a service on the network: its name holds 24 bits of their hashes. */
export function collidingNamespaces(): readonly [string, string] {
  const seen = new Map<string, string>();
  for (let number = 0; ; number++) {
    const namespace = `farm-${number}`;
    const service = serviceType(namespace);
    const other = seen.get(service);
    if (other !== undefined) return [other, namespace];
    seen.set(service, namespace);
  }
}

/** LanDiscovery keeps the discovery contract, on the loopback interface of this host. */
import { randomUUID } from "node:crypto";
import { LanDiscovery } from "../../src/discovery/lan/lan-discovery.ts";
import { discoveryContract } from "./discovery.ts";

discoveryContract("LanDiscovery", () => {
  const namespace = `contract-${randomUUID()}`;
  // A port of its own: a responder of this host is not disturbed, and cannot disturb.
  return () => new LanDiscovery(namespace, { interfaces: ["127.0.0.1"], port: 53_530 });
});

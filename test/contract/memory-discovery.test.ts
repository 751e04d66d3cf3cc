/** MemoryDiscovery keeps the discovery contract. */
import { MemoryDiscovery } from "../../src/discovery/memory-discovery.ts";
import { discoveryContract } from "./discovery.ts";

discoveryContract("MemoryDiscovery", () => {
  const discovery = new MemoryDiscovery();
  return () => discovery;
});

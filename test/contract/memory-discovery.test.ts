/** MemoryDiscovery keeps the discovery contract. */
import { MemoryDiscovery } from "../support/memory-discovery.ts";
import { discoveryContract } from "./discovery.ts";

discoveryContract("MemoryDiscovery", () => {
  const discovery = new MemoryDiscovery();
  return () => discovery;
});

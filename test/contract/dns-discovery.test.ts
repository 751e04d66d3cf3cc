/** DnsDiscovery keeps the part of the discovery contract that is about subscriptions. */
import { DnsDiscovery } from "../../src/discovery/dns/dns-discovery.ts";
import { dnsPeers } from "../support/dns-peers.ts";
import { subscriptionContract } from "./discovery.ts";

const SERVICE = "_merino._tcp.jobs.test";

subscriptionContract("DnsDiscovery", async (workers) => {
  const peers = dnsPeers();
  const targets = workers.map((worker, index) => {
    const [ip = "", port] = worker.address.split(":");
    const name = `worker-${index}.test`;
    peers.a.set(name, [ip]);
    peers.described.set(worker.address, worker);
    return { name, port: Number(port) };
  });
  peers.srv.set(SERVICE, targets);
  return {
    discovery: new DnsDiscovery(SERVICE, undefined, { pollInterval: 50 }, peers.ports),
    async [Symbol.asyncDispose]() {},
  };
});

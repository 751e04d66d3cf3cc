/** RingCarrier keeps the carrier contract. */
import { MessageChannel } from "node:worker_threads";
import { LoopWaiter } from "../../src/transport/thread/loop-waiter.ts";
import { createRings, RingCarrier } from "../../src/transport/thread/ring-carrier.ts";
import { carrierContract } from "./carrier.ts";

carrierContract("RingCarrier", async () => {
  const { port1, port2 } = new MessageChannel();
  const memory = createRings();
  const clients = new LoopWaiter();
  const servers = new LoopWaiter();
  return {
    client: new RingCarrier(port1, {
      memory,
      side: "client",
      waiter: clients,
      peerSleep: servers.memory,
      description: "one",
    }),
    server: new RingCarrier(port2, {
      memory,
      side: "server",
      waiter: servers,
      peerSleep: clients.memory,
      description: "other",
    }),
    async [Symbol.asyncDispose]() {},
  };
});

/** PortCarrier keeps the carrier contract. */
import { MessageChannel } from "node:worker_threads";
import { LOCAL_PEER } from "../../src/credentials/peers/peer.ts";
import { createPortMemory, PortCarrier } from "../../src/transport/thread/port-carrier.ts";
import { carrierContract } from "./carrier.ts";

carrierContract("PortCarrier", async () => {
  const { port1, port2 } = new MessageChannel();
  const memory = createPortMemory();
  return {
    client: new PortCarrier(port1, { memory, side: 0, peer: LOCAL_PEER, description: "one" }),
    server: new PortCarrier(port2, { memory, side: 1, peer: LOCAL_PEER, description: "other" }),
    async [Symbol.asyncDispose]() {},
  };
});

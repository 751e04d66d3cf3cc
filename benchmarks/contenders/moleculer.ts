/** Moleculer's two nodes over its own TCP transporter, called from a third. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { type Contender, WORKERS } from "./contender.ts";
import { installed } from "./installed.ts";

/** What is used of it. */
interface Moleculer {
  readonly ServiceBroker: new (
    options: object,
  ) => {
    start(): Promise<void>;
    stop(): Promise<void>;
    waitForServices(names: string): Promise<unknown>;
    call(action: string, parameters: object): Promise<unknown>;
    readonly registry: { getNodeList(options: object): readonly { readonly available: boolean }[] };
  };
}

const NODE = fileURLToPath(new URL("../functions/moleculer-node.mjs", import.meta.url));

export async function openMoleculer(): Promise<Contender | undefined> {
  const moleculer = installed<Moleculer>("moleculer");
  if (moleculer === undefined) return undefined;
  const ports = await Promise.all(Array.from({ length: WORKERS + 1 }, freePort));
  const urls = ports.map((port, node) => `127.0.0.1:${port}/node-${node}`).join(",");
  const nodes = ports
    .slice(1)
    .map((port, node) => fork(NODE, [`node-${node + 1}`, `${port}`, urls], { execArgv: [] }));
  await Promise.all(nodes.map((node) => once(node, "message")));
  const broker = new moleculer.ServiceBroker({
    nodeID: "node-0",
    logger: false,
    transporter: { type: "TCP", options: { udpDiscovery: false, port: ports[0], urls } },
  });
  await broker.start();
  await broker.waitForServices("bench");
  while (broker.registry.getNodeList({ onlyAvailable: true }).length <= WORKERS) {
    await new Promise((resolve) => setTimeout(resolve, 50)); // It tells of each by gossip, once a second.
  }
  return {
    id: "moleculer",
    name: "moleculer (TCP, two nodes)",
    add: (x, y) => broker.call("bench.add", { x, y }),
    work: (units) => broker.call("bench.work", { units }),
    fib: (n) => broker.call("bench.fib", { n }),
    async close() {
      await broker.stop();
      const exited = nodes.map((node) => once(node, "exit"));
      for (const node of nodes) node.disconnect();
      await Promise.all(exited);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has an address");
  return address.port;
}

/** A node of Moleculer with the benchmarks' functions as actions. The arguments are its name, port and the addresses of all nodes. */
import { createRequire } from "node:module";
import process from "node:process";
import { work } from "./work.mjs";

const { ServiceBroker } = createRequire(new URL("../jobs/package.json", import.meta.url))("moleculer");
const [, , nodeID, port, urls] = process.argv;
const broker = new ServiceBroker({
  nodeID,
  logger: false,
  registry: { preferLocal: false }, // or a call of one node would never leave it
  transporter: { type: "TCP", options: { udpDiscovery: false, port: Number(port), urls } },
});
broker.createService({
  name: "bench",
  actions: {
    add: ({ params: { x, y } }) => x + y,
    work: ({ params: { units } }) => work(units),
    async fib({ params: { n }, broker: node }) {
      if (n < 2) return n;
      const [one, two] = await Promise.all([n - 1, n - 2].map((less) => node.call("bench.fib", { n: less })));
      return one + two;
    },
  },
});
await broker.start();
process.send("ready");
process.once("disconnect", () => process.exit());

/** Servers whose answers come from a worker, and what starts them. */
import { JOBS, MODULES } from "./project.mjs";

/** Answers one request, made by itself. */
const served = (listen) => `import { WorkerPool } from "merino";
import { add } from "./jobs.js";
const pool = await WorkerPool.open({ size: 1 });
${listen}
const answer = await fetch(\`http://127.0.0.1:\${port}/add\`);
console.log("sum", await answer.text());
await close();
await pool.close();
`;
const SERVED = /^sum 3$/m;

/** @type {readonly import("./project.mjs").Project[]} */
export const SERVERS = [
  {
    name: "Fastify",
    kind: "serve",
    packages: ["fastify@5"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": served(`const { default: fastify } = await import("fastify");
const app = fastify();
app.get("/add", async () => String((await add(1, 2))[0]));
await app.listen({ port: 0, host: "127.0.0.1" });
const { port } = app.server.address();
const close = () => app.close();`),
    },
    commands: [["node", "main.js"]],
    expected: SERVED,
  },
  {
    name: "Express",
    kind: "serve",
    packages: ["express@5"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": served(`const { default: express } = await import("express");
const app = express();
app.get("/add", async (_, response) => response.send(String((await add(1, 2))[0])));
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const { port } = server.address();
const close = () => server.close();`),
    },
    commands: [["node", "main.js"]],
    expected: SERVED,
  },
  {
    name: "cluster",
    kind: "serve",
    packages: [],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": `import cluster from "node:cluster";
if (cluster.isPrimary) {
  const sums = [];
  for (let n = 0; n < 2; n += 1) cluster.fork().on("message", (sum) => sums.push(sum));
  cluster.on("exit", () => sums.length === 2 && Object.keys(cluster.workers).length === 0 && console.log("sum", ...sums));
} else {
  const { WorkerPool } = await import("merino");
  const { add } = await import("./jobs.js");
  const pool = await WorkerPool.open({ size: 1 });
  const [sum] = await add(1, 2);
  await pool.close();
  process.send(sum, () => process.disconnect());
}
`,
    },
    commands: [["node", "main.js"]],
    expected: /^sum 3 3$/m,
  },
];

/** Servers whose answers come from a worker, and what starts them. */
import { DRIVE, JOBS, MODULES, SUM } from "./project.mjs";

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
    quick: true,
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
    quick: true,
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
    quick: true,
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
  {
    name: "tRPC",
    packages: ["@trpc/server@11", "@trpc/client@11"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": `import { once } from "node:events";
import { createTRPCClient, httpBatchStreamLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { WorkerPool } from "merino";
import { add } from "./jobs.js";
const pool = await WorkerPool.open({ size: 1 });
const { router, procedure } = initTRPC.create();
const app = router({
  add: procedure.input((pair) => pair).query(({ input, signal }) => add.with({ signal })(...input)),
});
const server = createHTTPServer({ router: app });
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = \`http://127.0.0.1:\${server.address().port}\`;
const client = createTRPCClient({ links: [httpBatchStreamLink({ url })] });
const [sum, pid] = await client.add.query([1, 2]);
console.log("sum", sum, pid === process.pid ? "here" : "elsewhere");
server.closeAllConnections();
server.close();
await pool.close();
`,
    },
    commands: [["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "pm2, forked and as a cluster",
    packages: ["pm2@7"],
    files: {
      "package.json": MODULES,
      "drive.mjs": DRIVE,
      "jobs.js": JOBS,
      "main.js": `import { WorkerPool } from "merino";
import { add } from "./jobs.js";
const pool = await WorkerPool.open({ size: 1 });
const [sum, pid] = await add(1, 2);
console.log("sum", sum, pid);
process.once("SIGINT", async () => {
  await pool.close();
  console.log("closed");
  process.exit();
});
setInterval(() => {}, 1_000);
`,
      "run.mjs": `import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isRunning, until } from "./drive.mjs";
process.env.PM2_HOME = \`\${process.cwd()}/.pm2\`;
const pm2 = (...parameters) => execFileSync("pm2", parameters);
try {
  for (const [name, count, ...options] of [["forked", 1], ["clustered", 2, "-i", "2"]]) {
    const printed = (pattern) => [...readFileSync(name, "utf8").matchAll(pattern)];
    pm2("start", "main.js", "--name", name, "--log", name, "--merge-logs", ...options);
    await until(() => printed(/^.*sum 3 /gm).length === count, "the sums");
    const pids = printed(/sum 3 (\\d+)$/gm).map(([, pid]) => Number(pid));
    pm2("stop", name);
    await until(() => printed(/closed$/gm).length === count && !pids.some(isRunning), "the end");
    console.log(name, ...pids.map(() => "sum 3"));
  }
} finally {
  pm2("kill");
}
`,
    },
    commands: [["node", "run.mjs"]],
    expected: /^forked sum 3\nclustered sum 3 sum 3$/m,
  },
];

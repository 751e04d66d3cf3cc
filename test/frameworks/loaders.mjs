/** Ways to run a program, each with a routine in a worker. */
import { COMMON_JS, commonTypeScript, javaScript, main, SUM, TYPESCRIPT, typeScript } from "./project.mjs";

/** @type {readonly import("./project.mjs").Project[]} */
export const LOADERS = [
  {
    name: "Node, ES modules",
    quick: true,
    packages: [],
    files: javaScript,
    commands: [["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "Node, CommonJS",
    quick: true,
    packages: [],
    files: {
      "package.json": COMMON_JS,
      "jobs.js": `const { routine } = require("merino");
exports.add = routine(async function add(x, y) { return [x + y, process.pid]; });`,
      "main.js": main("./jobs.js")
        .replace('import { WorkerPool } from "merino"', 'const { WorkerPool } = require("merino")')
        .replace('import { add } from "./jobs.js"', 'const { add } = require("./jobs.js")'),
    },
    commands: [["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "tsx",
    quick: true,
    packages: ["tsx@4"],
    files: typeScript,
    commands: [["tsx", "main.ts"]],
    expected: SUM,
  },
  {
    name: "tsc, `moduleResolution: node`",
    packages: TYPESCRIPT,
    files: commonTypeScript,
    commands: [["tsc"], ["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "ts-node, by `-r`",
    quick: true,
    packages: [...TYPESCRIPT, "ts-node@10"],
    files: commonTypeScript,
    commands: [["node", "-r", "ts-node/register", "main.ts"]],
    expected: SUM,
  },
  {
    name: "ts-node, the command",
    packages: [...TYPESCRIPT, "ts-node@10"],
    files: commonTypeScript,
    commands: [["ts-node", "main.ts"]],
    env: { TS_NODE_PROJECT: "tsconfig.json" },
    expected: SUM,
    note: "`TS_NODE_PROJECT=tsconfig.json`, since it looks for that beside the file which it runs",
  },
  {
    name: "ts-node-dev",
    packages: [...TYPESCRIPT, "ts-node-dev@2"],
    files: commonTypeScript,
    commands: [["ts-node-dev", "--respawn=false", "--transpile-only", "main.ts"]],
    expected: SUM,
  },
  {
    name: "swc-node",
    packages: [...TYPESCRIPT, "@swc-node/register@1", "@swc/core@1"],
    files: commonTypeScript,
    commands: [["node", "-r", "@swc-node/register", "main.ts"]],
    expected: SUM,
  },
  {
    name: "jiti",
    packages: ["jiti@2", "tsx@4"],
    files: commonTypeScript,
    commands: [["jiti", "main.ts"]],
    expected: SUM,
    note: "tsx beside it, for the workers",
  },
];

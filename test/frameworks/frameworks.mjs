/** Frameworks that bring a compiler, or a server of their own that evaluates the program's modules. */
import process from "node:process";
import { COMMON_JS, DRIVE, MODULES, SUM } from "./project.mjs";

const MAJOR = Number(process.versions.node.split(".")[0]);

/** The module of routines, as is, and as one writes it where the module's file is made by a bundler. */
const JOBS = `import { routine } from "merino";
export const add = routine(async function add(x: number, y: number) {
  return [x + y, process.pid] as const;
});
`;
const NAMED_JOBS = JOBS.replace("});", '}, { name: "add", module: import.meta.url });');
/** What it may import, and somebody who develops may change. */
const PLUS = "export const plus = (x: number, y: number): number => x + y;\n";
const importing = (jobs) =>
  jobs.replace("x + y", "plus(x, y)").replace("\n", '\nimport { plus } from "./plus";\n');

/** An answer that tells the sum, and where it was computed. */
const ANSWER = `const [sum, pid] = await add(1, 2);
  const answer = \`sum \${sum} \${pid === process.pid ? "here" : "elsewhere"}\`;`;

/** @type {import("./project.mjs").Project} */
const nest = {
  name: "Nest",
  packages: [
    "@nestjs/core@12",
    "@nestjs/common@12",
    "@nestjs/platform-express@12",
    "@nestjs/cli@12",
    "reflect-metadata@0.2",
    "rxjs@7",
    "typescript@6",
    "@types/node@20",
  ],
  files: {
    "package.json": MODULES,
    "nest-cli.json": '{ "sourceRoot": "src" }',
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        strict: true,
        skipLibCheck: true,
        outDir: "dist",
        rootDir: "src",
        types: ["node"],
      },
      include: ["src"],
    }),
    "src/basket.ts": `import { portable, routine } from "merino";

@portable
export class Basket {
  constructor(readonly prices: number[]) {}

  @routine
  async total() {
    return [this.prices.reduce((sum, price) => sum + price, 0), process.pid] as const;
  }

  @routine
  static async empty() {
    return new Basket([]);
  }
}
`,
    "src/sums.service.ts": `import { Injectable, type OnApplicationShutdown, type OnModuleInit } from "@nestjs/common";
import { routine, WorkerPool } from "merino";
import { Basket } from "./basket.js";

@Injectable()
export class SumsService implements OnModuleInit, OnApplicationShutdown {
  #pool?: WorkerPool;
  async onModuleInit() {
    this.#pool = await WorkerPool.open({ size: 1 });
  }
  async onApplicationShutdown() {
    await this.#pool?.close();
  }

  @routine
  static async add(x: number, y: number) {
    return [x + y, process.pid] as const;
  }

  async sum(prices: number[]) {
    const [total, pid] = await new Basket(prices).total();
    const [sum] = await SumsService.add(total, (await Basket.empty()).prices.length);
    return \`sum \${sum} \${pid === process.pid ? "here" : "elsewhere"}\`;
  }
}
`,
    "src/main.ts": `import "reflect-metadata";
import { Controller, Get, Module, Query } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { SumsService } from "./sums.service.js";

@Controller()
class SumsController {
  constructor(private readonly sums: SumsService) {}

  @Get("sum")
  sum(@Query("of") of: string) {
    return this.sums.sum(of.split(",").map(Number));
  }
}

@Module({ controllers: [SumsController], providers: [SumsService] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ["error"] });
app.enableShutdownHooks();
await app.listen(0, "127.0.0.1");
console.log(await (await fetch(\`\${await app.getUrl()}/sum?of=1,2\`)).text());
await app.close();
`,
  },
  commands: [
    ["nest", "build"],
    ["node", "dist/main.js"],
  ],
  expected: SUM,
};

/** @param {"turbopack" | "webpack"} bundler */
const next = (bundler) => ({
  name: `Next, with ${bundler === "webpack" ? "webpack" : "Turbopack"}`,
  packages: [
    "next@16",
    "react@19",
    "react-dom@19",
    "typescript@5",
    "@types/node@20",
    "@types/react@19",
    "tsx@4",
  ],
  files: {
    "package.json": COMMON_JS,
    "drive.mjs": DRIVE,
    "next.config.mjs": 'export default { serverExternalPackages: ["merino"] };\n',
    "instrumentation.ts": `export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { WorkerPool } = await import("merino");
    await WorkerPool.open({ size: 1 });
  }
}
`,
    "jobs.ts": importing(NAMED_JOBS),
    "plus.ts": PLUS,
    "app/layout.tsx": `export default function Layout({ children }: { children: React.ReactNode }) {
  return <html><body>{children}</body></html>;
}
`,
    "app/page.tsx": `import { add } from "../jobs";
export const dynamic = "force-dynamic";
export default async function Page() {
  ${ANSWER}
  return <p>{answer}</p>;
}
`,
    "app/add/route.ts": `import { add } from "../../jobs";
export const dynamic = "force-dynamic";
export async function GET() {
  ${ANSWER}
  return new Response(answer);
}
`,
    "run.mjs": `import { edit, expectAnswers, freePort, start } from "./drive.mjs";
const port = await freePort();
const serve = (mode) => start("next", [...mode, "-H", "127.0.0.1", "-p", port]);
const asks = [["/add", /sum 3 elsewhere/], ["/", /sum 3 elsewhere/]];
if (process.argv[2] === "dev") {
  await expectAnswers(serve(["dev", "--${bundler}"]), \`http://127.0.0.1:\${port}\`, [
    ...asks,
    edit("plus.ts", "x + y", "x * y"),
    ["/add", /sum 2 elsewhere/],
    ["/", /sum 2 elsewhere/],
    edit("plus.ts", "x * y", "x + y"),
    ...asks,
    edit("jobs.ts", "plus(x, y)", "10 * plus(x, y)"),
    ["/add", /sum 30 elsewhere/],
    ["/", /sum 30 elsewhere/],
    edit("jobs.ts", "10 * plus(x, y)", "plus(x, y)"),
    ...asks,
  ]);
} else {
  await expectAnswers(serve(["start"]), \`http://127.0.0.1:\${port}\`, asks);
}
console.log("answered");
`,
  },
  commands: [
    ["node", "run.mjs", "dev"],
    ["next", "build", `--${bundler}`],
    ["node", "run.mjs", "start"],
  ],
  env: { NEXT_TELEMETRY_DISABLED: "1" },
  expected: /^answered$/m,
  note: '`serverExternalPackages: ["merino"]` in next.config; `{ name: "add", module: import.meta.url }` at each routine, for workers import the source; tsx beside it for TypeScript in workers',
});

/** @type {import("./project.mjs").Project} */
const vite = {
  name: "Vite, server-side rendering",
  packages: [`vite@${MAJOR < 22 ? 7 : 8}`, "tsx@4"],
  files: {
    "package.json": MODULES,
    "drive.mjs": DRIVE,
    "jobs.ts": importing(JOBS),
    "plus.ts": PLUS,
    "entry-server.ts": `import { add } from "./jobs";
export async function render() {
  ${ANSWER}
  return answer;
}
`,
    "server.mjs": `import { createServer } from "node:http";
import { WorkerPool } from "merino";
await WorkerPool.open({ size: 1 });
let render = async () => (await import("./dist/entry-server.js")).render();
if (process.argv[2] === "dev") {
  const { createServer } = await import("vite");
  const vite = await createServer({ server: { middlewareMode: true, ws: false }, appType: "custom" });
  render = async () => (await vite.ssrLoadModule("/entry-server.ts")).render();
}
createServer((_, response) => render().then((text) => response.end(text), (error) => response.end(error.stack)))
  .listen(process.argv[3], "127.0.0.1");
`,
    "run.mjs": `import { edit, expectAnswers, freePort, start } from "./drive.mjs";
const port = await freePort();
await expectAnswers(start("node", ["server.mjs", process.argv[2], port]), \`http://127.0.0.1:\${port}\`, [
  ["/", /sum 3 elsewhere/],
  ...(process.argv[2] === "dev"
    ? [
        edit("plus.ts", "x + y", "x * y"),
        ["/", /sum 2 elsewhere/],
        edit("plus.ts", "x * y", "x + y"),
        ["/", /sum 3 elsewhere/],
      ]
    : []),
]);
console.log("answered");
`,
  },
  commands: [
    ["node", "run.mjs", "dev"],
    ["vite", "build", "--ssr", "entry-server.ts"],
    ["node", "run.mjs", "start"],
  ],
  expected: /^answered$/m,
  note: "tsx beside it, for TypeScript in workers",
};

/** @type {import("./project.mjs").Project} */
const svelteKit = {
  name: "SvelteKit",
  packages:
    MAJOR < 22
      ? [
          "@sveltejs/kit@2",
          "@sveltejs/adapter-node@5",
          "@sveltejs/vite-plugin-svelte@6",
          "svelte@5",
          "vite@7",
          "tsx@4",
        ]
      : [
          "@sveltejs/kit@3",
          "@sveltejs/adapter-node@6",
          "@sveltejs/vite-plugin-svelte@7",
          "svelte@5",
          "vite@8",
          "tsx@4",
        ],
  files: {
    "package.json": MODULES,
    "drive.mjs": DRIVE,
    ...(MAJOR < 22 && {
      "svelte.config.js": `import adapter from "@sveltejs/adapter-node";
export default { kit: { adapter: adapter() } };
`,
    }),
    "vite.config.js": `import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
export default { plugins: [sveltekit(${MAJOR < 22 ? "" : "{ adapter: adapter() }"})] };
`,
    "src/app.html":
      "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>\n",
    "src/hooks.server.ts": `import { WorkerPool } from "merino";
export async function init() {
  const pool = await WorkerPool.open({ size: 1 });
  process.once("sveltekit:shutdown", () => pool.close());
}
`,
    "src/lib/server/jobs.ts": JOBS,
    "src/routes/add/+server.ts": `import { add } from "../../lib/server/jobs";
export async function GET() {
  ${ANSWER}
  return new Response(answer);
}
`,
    "src/routes/+page.server.ts": `import { add } from "../lib/server/jobs";
export async function load() {
  ${ANSWER}
  return { answer };
}
`,
    "src/routes/+page.svelte": `<script>
  let { data } = $props();
</script>
<p>{data.answer}</p>
`,
    "run.mjs": `import { edit, expectAnswers, freePort, start } from "./drive.mjs";
const port = await freePort();
const origin = \`http://127.0.0.1:\${port}\`;
const asks = [["/add", /sum 3 elsewhere/], ["/", /sum 3 elsewhere/]];
const jobs = "src/lib/server/jobs.ts";
if (process.argv[2] === "dev") {
  await expectAnswers(start("vite", ["dev", "--host", "127.0.0.1", "--port", port]), origin, [
    ...asks,
    edit(jobs, "x + y", "x * y"),
    ["/add", /sum 2 elsewhere/],
    ["/", /sum 2 elsewhere/],
    edit(jobs, "x * y", "x + y"),
    ...asks,
  ]);
} else {
  await expectAnswers(start("node", ["build/index.js"], { HOST: "127.0.0.1", PORT: port }), origin, asks);
}
console.log("answered");
`,
  },
  commands: [
    ["node", "run.mjs", "dev"],
    ["vite", "build"],
    ["node", "run.mjs", "start"],
  ],
  expected: /^answered$/m,
  note: "tsx beside it, for TypeScript in workers",
};

/** @type {readonly import("./project.mjs").Project[]} */
export const FRAMEWORKS = [next("turbopack"), next("webpack"), vite, svelteKit, nest];

/**
 * What may import what. The layers are those of ARCHITECTURE.md, which `npm run check` compares with these.
 */

/** Folders of `src/`, line by line from the highest: a folder imports only from lines below its own. */
export const LAYERS = [
  ["index.ts", "cli", "opentelemetry"],
  ["pool", "host"],
  ["thread"],
  ["client", "worker", "process"],
  ["discovery", "balancer"],
  ["transport"],
  ["session", "routine", "state"],
  ["codec", "wire", "context"],
  ["identity"],
  ["credentials"],
  ["errors"],
  ["telemetry"],
  ["internal"],
];

/** The same for the folders of `src/client/`. */
export const CLIENT_LAYERS = [
  ["dispatch"],
  ["waiting"],
  ["placement"],
  ["attempts"],
  ["call"],
  ["membership"],
  ["members"],
  ["connection"],
];

/** Where a program, a worker or a thread begins: everything in `src/` is for one of them. */
const ENTRIES = [
  "index.ts",
  "cli/merino.ts",
  "host/main.ts",
  "host/thread-main.ts",
  "host/listener/thread.ts",
  "opentelemetry/index.ts",
  "opentelemetry/register.ts",
].map((file) => `^src/${file}$`);

/** Generated, and there for the tests of the hand-written frames. */
const BINDINGS = "^src/wire/gen/";

export default {
  forbidden: [
    ...layerRules("src", LAYERS),
    ...layerRules("src/client", CLIENT_LAYERS),
    {
      name: "layers: a folder without a place among them",
      comment: "Give the folder a place in the layers, in .dependency-cruiser.mjs and in ARCHITECTURE.md.",
      severity: "error",
      from: {},
      to: { path: "^src/", pathNot: LAYERS.flat().map((name) => pathOf(`src/${name}`)) },
    },
    {
      name: "cycles",
      comment: "Move what both need into a file below them, also if it is only a type.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "orphans",
      comment: "No program, worker or thread loads it: remove it, or move it to test/ if only tests want it.",
      severity: "error",
      from: { path: ENTRIES },
      to: { path: "^src/", pathNot: [BINDINGS, ...ENTRIES], reachable: false },
    },
    {
      name: "src imports only src",
      comment:
        "What is published has neither tests, benchmarks, examples nor scripts, and not itself by name.",
      severity: "error",
      from: { path: "^src/" },
      to: {
        path: ["^(?:test|benchmarks|examples|scripts)/", "(?:^|/)dist/index\\.", "^merino$"],
        pathNot: "node_modules",
      },
    },
    {
      name: "src imports only dependencies",
      comment: "Users install no devDependencies.",
      severity: "error",
      from: { path: "^src/", pathNot: [BINDINGS, "^src/opentelemetry/"] },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "opentelemetry imports only its peers",
      comment: "Users install no devDependencies; those of these doors are the optional peers.",
      severity: "error",
      from: { path: "^src/opentelemetry/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        pathNot: "^node_modules/@opentelemetry/(?:api|sdk-node)/",
      },
    },
    {
      name: "opentelemetry knows the channels",
      comment: "It is built on what every subscriber sees, and loads nothing of the core.",
      severity: "error",
      from: { path: "^src/opentelemetry/" },
      to: {
        path: "^src/",
        pathNot: "^src/(?:opentelemetry|telemetry|errors|internal)/|^src/wire/version\\.ts$",
      },
    },
    {
      name: "bindings are for tests",
      comment: "Frames are written and read by hand; see docs/decisions/0001-hand-written-frames.md.",
      severity: "error",
      from: { path: "^src/", pathNot: BINDINGS },
      to: { path: BINDINGS },
    },
  ],
  options: {
    // Types are imports as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: ["node_modules", "^dist/"] },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
    },
  },
};

function layerRules(parent, layers) {
  return layers.flatMap((line, index) =>
    line.map((name) => ({
      name: `layers: ${parent}/${name}`,
      comment: "Imports point down: declare what both need at the lower of them, or below.",
      severity: "error",
      from: { path: pathOf(`${parent}/${name}`) },
      to: {
        path: `^${parent}/`,
        pathNot: [name, ...layers.slice(index + 1).flat()].map((other) => pathOf(`${parent}/${other}`)),
      },
    })),
  );
}

/** A pattern for a folder's files, or for the file. */
function pathOf(name) {
  return name.endsWith(".ts") ? `^${name}$` : `^${name}/`;
}

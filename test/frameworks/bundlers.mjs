/** Bundlers, with the library outside of the bundle and inside. */
import { javaScript, SUM } from "./project.mjs";

/** @type {readonly import("./project.mjs").Project[]} */
export const BUNDLERS = [
  ...bundled("esbuild", ["esbuild@0.28"], (external) => [
    "esbuild",
    "main.js",
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--minify",
    "--keep-names",
    "--outfile=out/main.mjs",
    "--log-level=warning",
    ...(external ? ["--packages=external"] : []),
  ]),
  ...bundled("rollup", ["rollup@4", "@rollup/plugin-node-resolve@16"], (external) => [
    "rollup",
    "main.js",
    "--dir",
    "out",
    "--format=esm",
    "--entryFileNames=[name].mjs",
    ...(external ? ["--external", "merino"] : ["--plugin", "node-resolve"]),
  ]),
  ...bundled("rolldown", ["rolldown@1"], (external) => [
    "rolldown",
    "main.js",
    "--dir",
    "out",
    "--format=esm",
    "--platform=node",
    "--entry-file-names=[name].mjs",
    ...(external ? ["--external", "merino"] : []),
  ]),
  ...bundled("webpack", ["webpack@5", "webpack-cli@6"], (external) => [
    "webpack",
    "--config",
    external ? "external.config.js" : "inside.config.js",
  ]),
];

/** A bundler with the library outside of the bundle, which is how it is meant, and inside. */
function bundled(name, packages, command) {
  const config = (external) => `import path from "node:path";
export default {
  target: "node20",
  mode: "production",
  entry: "./main.js",
  experiments: { outputModule: true },
  externals: ${external ? '[{ merino: "module merino" }]' : "[]"},
  optimization: { minimize: false },
  output: { path: path.resolve("out"), filename: "main.mjs", module: true, chunkFormat: "module" },
};
`;
  const files = {
    ...javaScript,
    ...(name === "webpack" && {
      "external.config.js": config(true),
      "inside.config.js": config(false),
    }),
  };
  return [true, false].map((external) => ({
    name: external ? name : `${name}, with Merino in the bundle`,
    quick: name === "esbuild" || name === "rollup",
    packages,
    files,
    commands: [command(external), ["node", "out/main.mjs"]],
    expected: SUM,
    ...(external
      ? { note: "`merino` external" }
      : { note: "the same version of `merino` installed where the bundle runs" }),
  }));
}

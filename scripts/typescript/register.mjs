/**
 * Lets this process, and what inherits its flags, import TypeScript: for tests, in which processes start by the
 * hundred, and spend with tsx most of their time on loading. `--import` it with `?instead-of=tsx`, by which workers
 * see that they have a loader for TypeScript.
 */
import module from "node:module";
import process from "node:process";
import * as hooks from "./hooks.mjs";

process.setSourceMapsEnabled(true);
// Node 20 has hooks in a thread of their own only.
if (module.registerHooks === undefined) module.register("./hooks.mjs", import.meta.url);
else module.registerHooks(hooks);

/**
 * Lets this process, and what inherits its flags, import TypeScript: for tests, in which processes start by the
 * hundred, and with tsx spend most of their time on loading. Whoever has it imported adds `?instead-of=tsx`: that is
 * how a worker sees in its flags that there is a loader for TypeScript (`src/host/modules/typescript-support.ts`).
 */
import module from "node:module";
import process from "node:process";

process.setSourceMapsEnabled(true);
// Node 20 has hooks in a thread of their own only, and this one need not load them.
if (module.registerHooks === undefined) module.register("./hooks.mjs", import.meta.url);
else module.registerHooks(await import("./hooks.mjs"));

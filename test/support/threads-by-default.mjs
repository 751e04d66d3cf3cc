/**
 * Has pools run their workers in threads unless they are told what to run them in: for tests of pools that are not about
 * processes, which are run again so. Loaded by `--import`; what is built is changed as it is read.
 */
import module from "node:module";
import { isMainThread } from "node:worker_threads";

/** Set by the file that was changed. */
const CHANGED = Symbol.for("merino-test.threads-by-default");
const HOOKS = new URL("./threads-by-default-hooks.mjs", import.meta.url);

// Workers that a body would have are made by the program's thread.
if (isMainThread) {
  if (module.registerHooks === undefined) module.register(HOOKS);
  else module.registerHooks(await import(HOOKS.href));
  process.on("exit", () => {
    if (!/\.test\.ts$/.test(process.argv[1] ?? "") || globalThis[CHANGED] === true) return;
    process.stderr.write(
      "No file of dist/ says that workers are processes by default: nothing was changed\n",
    );
    process.exitCode = 1;
  });
}

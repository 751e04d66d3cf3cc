/**
 * Compiles `src/` to `dist/`, from nothing: ES modules, declarations, and source maps that carry their sources.
 * Generated bindings are compiled only if something imports them.
 */
import { access, rm } from "node:fs/promises";
import path from "node:path";
import { ROOT, runOrThrow } from "./command.mjs";

await rm(path.join(ROOT, "dist"), { recursive: true, force: true });
await runOrThrow("tsc", ["-p", "tsconfig.build.json"]);
// A compiler that was pointed at no files succeeds too.
await access(path.join(ROOT, "dist/index.js"));

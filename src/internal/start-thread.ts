/** Starts threads of this process from files of the package, also where these are its sources. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { ownUrl } from "./package-files.ts";
import { installedPackage } from "./require-from.ts";

/**
 * Starts a thread.
 *
 * @param entry From `packageFile`.
 * @param options `workerData`: an object; a thread that runs from source gets two more fields.
 * @throws Node's error for options that it does not take.
 */
export function startThread(entry: URL, options: WorkerOptions & { readonly workerData: object }): Worker {
  if (!entry.pathname.endsWith(".ts")) return new Worker(entry, options);
  // Run from source, as in this library's own tests: in a thread, Node 20 gets a loader only by a call inside it.
  const loader = pathToFileURL(join(installedPackage("tsx", ownUrl), "dist/esm/api/index.mjs")).href;
  return new Worker(START_FROM_SOURCE, {
    ...options,
    eval: true,
    workerData: { ...options.workerData, loader, entry: entry.href },
  });
}

const START_FROM_SOURCE = `
const { loader, entry } = require("node:worker_threads").workerData;
import(loader).then(({ register }) => { register(); return import(entry); });
`;

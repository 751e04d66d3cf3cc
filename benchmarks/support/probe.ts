/**
 * Runs a probe: a plain JavaScript program in a Node of its own, so that neither this process's loaders
 * nor what it measured before can touch the figure. A probe prints one line of JSON.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface ProbeOptions {
  readonly args?: readonly string[];
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
  /** Folder of the package whose copy of the probe is run, and which it measures. Default: this one. */
  readonly folder?: string;
  /** Ends the probe. */
  readonly signal?: AbortSignal;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @returns What the probe printed; `T` is the probe's promise, not checked. */
export async function runProbe<T>(file: string, options: ProbeOptions = {}): Promise<T> {
  const { args = [], nodeOptions = [], folder = ROOT, signal } = options;
  // The second makes each Node 20 read a file of certificates as it starts, which takes longer than the rest of it.
  const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env;
  const parameters = [...nodeOptions, join(folder, "benchmarks/probes", file), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, parameters, { env, signal });
  return JSON.parse(stdout) as T;
}

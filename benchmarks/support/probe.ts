/**
 * Runs a probe: a plain JavaScript program in a Node of its own, so that neither this process's loaders
 * nor what it measured before can touch the figure. A probe prints one line of JSON.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface ProbeOptions {
  readonly args?: readonly string[];
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
}

/** @returns What the probe printed; `T` is the probe's promise, not checked. */
export async function runProbe<T>(file: string, options: ProbeOptions = {}): Promise<T> {
  const probe = fileURLToPath(new URL(`../probes/${file}`, import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const args = [...(options.nodeOptions ?? []), probe, ...(options.args ?? [])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout) as T;
}

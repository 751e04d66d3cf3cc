/** A temporary folder that holds both builds. It is gone when the comparison is over, however that ends. */
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Workspace extends AsyncDisposable {
  /** Absolute, without symbolic links. */
  readonly folder: string;
}

export async function openWorkspace(): Promise<Workspace> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "merino-against-")));
  return {
    folder,
    // Repeated for the sake of processes that are just ending.
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

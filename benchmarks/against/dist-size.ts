/**
 * How large a build is. An exact figure, so nothing is tolerated: `dist/` may not grow unless one can say why.
 * What is loaded is a row of its own, because comments end up in the declarations and the source maps only.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Build } from "./build.ts";
import type { Row } from "./row.ts";
import type { Figures } from "./suite.ts";

const ROW = { unit: "kB", better: "lower", tolerance: 0 } as const;

export const DIST_ROWS: readonly Row[] = [
  { name: "dist/all", ...ROW },
  { name: "dist/code", ...ROW },
];

export async function measureDist({ folder }: Build): Promise<Figures> {
  const dist = join(folder, "dist");
  let all = 0;
  let code = 0;
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { size } = await stat(join(entry.parentPath, entry.name));
    all += size;
    if (entry.name.endsWith(".js")) code += size;
  }
  return { "dist/all": all / 1_000, "dist/code": code / 1_000 };
}

/** Piscina's threads: one of them, as the others have one worker. */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import type { ValueContender } from "./value-contender.ts";

export async function openPiscinaValues(): Promise<ValueContender> {
  const pool = new Piscina({
    filename: fileURLToPath(new URL("../functions/pools.mjs", import.meta.url)),
    minThreads: 1,
    maxThreads: 1,
  });
  return {
    id: "piscina",
    name: "piscina (thread)",
    echo: (value) => pool.run(value, { name: "echo" }),
    close: () => pool.destroy(),
  };
}

/** Piscina with its defaults (threads), apart from the fixed number of workers. */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { type Contender, WORKERS } from "./contender.ts";

export async function openPiscina(): Promise<Contender> {
  const pool = new Piscina({
    filename: fileURLToPath(new URL("../functions/pools.mjs", import.meta.url)),
    minThreads: WORKERS,
    maxThreads: WORKERS,
  });
  return {
    id: "piscina",
    name: "piscina (threads)",
    add: (x, y) => pool.run({ x, y }, { name: "add" }),
    echo: (value) => pool.run(value, { name: "echo" }),
    busy: (durationMs) => pool.run({ durationMs }, { name: "busy" }),
    work: (units) => pool.run({ units }, { name: "work" }),
    startProbe: ["piscina-open.mjs"],
    close: () => pool.destroy(),
  };
}

/** The start of Piscina's two threads: from the pool to the first result. */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { settle, totalBytes } from "./resident-bytes.mjs";

const filename = fileURLToPath(new URL("../functions/pools.mjs", import.meta.url));
const start = performance.now();
const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2 });
await pool.run({ x: 1, y: 2 }, { name: "add" });
const readyMs = performance.now() - start;

await Promise.all(Array.from({ length: 4 }, () => pool.run({ x: 1, y: 2 }, { name: "add" })));
await settle();
console.log(JSON.stringify({ readyMs, totalBytes: await totalBytes([]) }));
await pool.destroy();

/** What runs on the workers, whoever has started them. */
import { createHash } from "node:crypto";
import { routine } from "merino";

/** Hashes `seed` over and over: a blocking function, as long as it is told to be. */
export const stretch = routine(function stretch(seed: number, rounds: number) {
  let hash = Buffer.from(String(seed));
  for (let round = 0; round < rounds; round++) hash = createHash("sha256").update(hash).digest();
  return { seed, key: hash.toString("hex"), pid: process.pid };
});

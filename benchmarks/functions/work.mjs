/** A body of a certain length, for all contenders: one hash with many updates, which no memory nor compiler gets in the way of. */
import { createHash } from "node:crypto";

const BLOCK = Buffer.alloc(256, 7);

/** Takes time in proportion to its argument. */
export function work(units) {
  const hash = createHash("sha256");
  for (let unit = 0; unit < units; unit++) hash.update(BLOCK);
  return hash.digest()[0];
}

/** What keeps this process alive, counted; production code only adds to it and takes back. */
import { processWide } from "../../src/internal/process-wide.ts";

/** How many `keepAlive()` have not been taken back, of every copy of the package in this process. */
export function keepAliveCount(): number {
  return processWide("liveness", () => ({ count: 0, handle: undefined })).count;
}

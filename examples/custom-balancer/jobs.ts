/** What runs on the workers. */
import { routine } from "merino";

/** Waits as a call to a database would, and says which process has waited. */
export const lookUp = routine(async function lookUp(key: number) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return { key, pid: process.pid };
});

/** Keeps a processor busy. */
export const compute = routine(function compute(key: number) {
  const end = performance.now() + 20;
  while (performance.now() < end);
  return { key, pid: process.pid };
});

/** Two workers that serve whoever finds them in Redis, until this program is interrupted. */
import { once } from "node:events";
import { WorkerPool } from "merino";
import { networkWorkers, openDiscovery } from "./settings.ts";

await using farm = await WorkerPool.open({
  size: 2,
  worker: networkWorkers(),
  discovery: openDiscovery(),
  ambient: false,
});
console.log(`Serving: pids ${farm.workers.map(({ pid }) => pid).join(", ")}. Ctrl-C ends.`);

// An open pool does not keep its process alive; this does.
const untilInterrupted = setInterval(() => {}, 60_000);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
clearInterval(untilInterrupted);

/**
 * Workers that outlive the programs that use them: this one starts some, announces them to this user's
 * programs on this host, and ends them when it is interrupted.
 */
import { once } from "node:events";
import { LocalDiscovery, WorkerPool } from "merino";

const [size = "2", namespace = "hybrid-pool"] = process.argv.slice(2);

// Its own calls, if it had any, would not go to these workers by themselves: it only keeps them.
await using farm = await WorkerPool.open({
  size: Number(size),
  discovery: new LocalDiscovery(namespace),
  ambient: false,
});
console.log(`Farm '${namespace}': pids ${farm.workers.map(({ pid }) => pid).join(", ")}. Ctrl-C ends.`);

// An open pool does not keep its process alive; this does.
const untilInterrupted = setInterval(() => {}, 60_000);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
clearInterval(untilInterrupted);

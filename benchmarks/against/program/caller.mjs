/**
 * The process that makes the calls of one side. It is copied into the folder of a build and finds `merino` there,
 * so it is the same for every commit, and uses the public interface only. Does one workload per message; pools
 * are opened when a workload first needs them.
 */
import process from "node:process";
import { closePools, openPool } from "./pools.mjs";
import { WORKLOADS } from "./workloads.mjs";

process.on("message", async (request) => {
  if (request === "close") {
    await closePools();
    process.exit();
  }
  try {
    const { workload, carrier, durationMs } = request;
    process.send({ measurement: await WORKLOADS[workload](await openPool(carrier), durationMs) });
  } catch (error) {
    process.send({ error: error instanceof Error ? error.message : String(error) });
  }
});
process.once("disconnect", () => process.exit(1));
process.send({ ready: true });

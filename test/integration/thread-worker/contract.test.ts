/** ThreadWorker keeps the contract of workers. */
import { ThreadWorker } from "merino";
import { workerContract } from "../../contract/worker.ts";

workerContract({
  name: "ThreadWorker",
  factory: (options) => ThreadWorker.factory(options),
  forced: { exitCode: undefined, signal: undefined },
});

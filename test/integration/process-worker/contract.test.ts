/** ProcessWorker keeps the contract of workers. */
import { ProcessWorker } from "merino";
import { workerContract } from "../../contract/worker.ts";

workerContract({
  name: "ProcessWorker",
  factory: (options) => ProcessWorker.factory(options),
  forced: { exitCode: undefined, signal: "SIGKILL" },
});

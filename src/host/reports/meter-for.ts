/** Makes what a worker measures of itself, as far as its parent wants to know it: nothing at all, as a rule. */
import type { WantedReports } from "../../process/worker.ts";
import type { TaskMeter } from "../../worker/task-meter.ts";
import type { WorkerReport } from "../parent/parent-link.ts";
import { LoadMeter } from "./load-meter.ts";
import { WearMeter } from "./wear-meter.ts";

/** @param report Sends what has been measured. */
export function meterFor(
  wanted: WantedReports | undefined,
  report: (message: WorkerReport) => void,
): TaskMeter | undefined {
  if (wanted === undefined) return undefined;
  const { wear, loadEveryMs } = wanted;
  const meters: TaskMeter[] = [];
  if (wear !== undefined) meters.push(new WearMeter(wear, report));
  if (loadEveryMs !== undefined) meters.push(new LoadMeter(loadEveryMs, report));
  if (meters.length <= 1) return meters[0];
  return {
    began: (execution) => {
      for (const meter of meters) meter.began(execution);
    },
    ended: (execution) => {
      for (const meter of meters) meter.ended(execution);
    },
  };
}

/** About how much memory a task takes up on its worker until its body has ended, arguments not counted. */
import type { TraceContext } from "../telemetry/trace-context.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";

/** About what a task and its execution take up beside the texts of its head. */
const TASK_BYTES = 768;
/** About what a field of its trace context takes up beside its texts. */
const TRACE_FIELD_BYTES = 96;

/** What a task takes up whose frame this is. */
export function taskBytes(
  { task, variablesStart, variablesEnd }: FrameReader,
  trace: TraceContext | undefined,
): number {
  const traceBytes = (trace?.size ?? 0) * TRACE_FIELD_BYTES;
  return TASK_BYTES + task.headBytes + traceBytes + variablesEnd - variablesStart;
}

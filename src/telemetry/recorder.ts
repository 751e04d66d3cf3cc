/**
 * Who records calls and executions, and says of each before anything is made for it whether it is to be told of: to make
 * a message costs a call that is not recorded as much as all else that is done for it. Those that are to be recorded are
 * told of on the channels `recorded…` of `channels.ts`, in the way of those that everybody may subscribe to.
 */
import { processWide } from "../internal/process-wide.ts";
import { traceToSend } from "./trace-bounds.ts";
import type { TraceContext } from "./trace-context.ts";

/** The answer that a call or an execution is to be told of. */
export const RECORDED: unique symbol = Symbol.for("merino.telemetry.recorded") as never;

/** In what the code of a task is run. */
export interface Surroundings {
  /** Calls the function, once and at once, and returns or throws what it does. */
  run<R>(fn: () => R): R;
}

/** It is asked about every call of a function and every execution. */
export interface Recorder {
  /**
   * Whether a call that is about to be made is left out.
   *
   * @param inherited What travels with it otherwise.
   * @returns What travels with it, if it is.
   */
  leaveOutCall(
    routine: string,
    inherited: TraceContext | undefined,
  ): TraceContext | undefined | typeof RECORDED;
  /**
   * Whether an execution that is about to begin is left out.
   *
   * @param trace What has come with its task.
   * @returns In what its code is run, if it is.
   */
  leaveOutExecution(
    routine: string,
    trace: TraceContext | undefined,
  ): Surroundings | undefined | typeof RECORDED;
  /**
   * The trace context of the code that is running, for what it has run elsewhere without a call of a routine.
   *
   * @param inherited What travels with it otherwise.
   */
  present(inherited: TraceContext | undefined): TraceContext | undefined;
  /** In what code is run that was sent for with a trace context, in its own surroundings. */
  within(trace: TraceContext): Surroundings;
}

/** Where two are in force, each has its own opinion. */
const allOf = (first: Recorder): Recorder => ({
  leaveOutCall: () => RECORDED,
  leaveOutExecution: () => RECORDED,
  present: (inherited) => first.present(inherited),
  within: (trace) => first.within(trace),
});

interface Recording {
  readonly all: Recorder[];
  /** The one to ask; undefined while nobody records. */
  recorder: Recorder | undefined;
}

/** Looked at by each call, which asks nobody while there is no recorder. */
export const recording: Recording = processWide("telemetry.recording", () => ({
  all: [],
  recorder: undefined,
}));

/** Puts a recorder in force, until what is returned is called. */
export function addRecorder(recorder: Recorder): () => void {
  const { all } = recording;
  const choose = (): void => {
    const [first] = all;
    recording.recorder = first === undefined || all.length === 1 ? first : allOf(first);
  };
  all.push(recorder);
  choose();
  return () => {
    const index = all.indexOf(recorder);
    if (index !== -1) all.splice(index, 1);
    choose();
  };
}

/** As {@link Recorder.leaveOutCall}; a call that nobody records is left out as it is. */
export function leaveOutCall(
  routine: string,
  inherited: TraceContext | undefined,
): TraceContext | undefined | typeof RECORDED {
  try {
    const { recorder } = recording;
    return recorder === undefined ? inherited : recorder.leaveOutCall(routine, inherited);
  } catch (error) {
    report(error);
    return inherited;
  }
}

/** As {@link Recorder.leaveOutExecution}. */
export function leaveOutExecution(
  routine: string,
  trace: TraceContext | undefined,
): Surroundings | undefined | typeof RECORDED {
  try {
    return recording.recorder?.leaveOutExecution(routine, trace);
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** As {@link Recorder.present}; where nobody records, what is inherited. */
export function presentTrace(inherited: TraceContext | undefined): TraceContext | undefined {
  const { recorder } = recording;
  try {
    return recorder === undefined ? inherited : traceToSend(recorder.present(inherited));
  } catch (error) {
    report(error);
    return inherited;
  }
}

/** As {@link Recorder.within}; `undefined` where nobody records. */
export function withinTrace(trace: TraceContext): Surroundings | undefined {
  try {
    return recording.recorder?.within(trace);
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** As what subscribers of channels throw. */
function report(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

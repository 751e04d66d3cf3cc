/** The metrics of one side of calls: of calls at their caller, or of executions at their worker. */
import type { Attributes, Histogram, Meter, ObservableResult } from "@opentelemetry/api";
import type { ErrorTypes } from "./error-type.ts";
import { RoutineFigures } from "./routine-figures.ts";

/** Of a call or an execution, as far as metrics look at it. */
export interface Measured {
  readonly routine: string;
  readonly queuedMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number;
  readonly outcome: string | undefined;
  readonly error: unknown;
}

/** One that is under way. */
interface Timed extends Measured {
  [key: symbol]: number | undefined;
}

/**
 * In seconds.
 *
 * @see https://github.com/open-telemetry/semantic-conventions/blob/v1.45.0/docs/rpc/rpc-metrics.md
 */
const BUCKETS: number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** In seconds: a queue is to be empty, and a call may take microseconds. */
const QUEUE_BUCKETS: number[] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** What waiting is for on either side. */
const WAITING = {
  client: "From a call until it was last sent to a worker.",
  server: "From the arrival of a task until its body was called.",
} as const;

/** Measures one side, with the instruments of one meter. */
export class SideMetrics {
  readonly #durations: Histogram;
  readonly #queued: Histogram;
  readonly #errorTypes: ErrorTypes;
  readonly #figures = new Map<string, RoutineFigures>();
  /**
   * By which those under way have the time at which they began, in milliseconds: in a map of them it would cost more. One
   * that began before is not counted when it ends.
   */
  readonly #begun = Symbol("begun");
  readonly #forget: (() => void)[] = [];

  constructor(meter: Meter, side: "client" | "server", errorTypes: ErrorTypes) {
    this.#errorTypes = errorTypes;
    this.#durations = meter.createHistogram(`rpc.${side}.call.duration`, {
      description:
        side === "client" ? "Duration of calls, as their callers see them." : "Duration of executions.",
      unit: "s",
      advice: { explicitBucketBoundaries: BUCKETS },
    });
    this.#queued = meter.createHistogram(`merino.${side}.queue.duration`, {
      description: WAITING[side],
      unit: "s",
      advice: { explicitBucketBoundaries: QUEUE_BUCKETS },
    });
    const observe = (
      observable: ReturnType<Meter["createObservableCounter"]>,
      read: (figures: RoutineFigures) => number,
    ): void => {
      const callback = (result: ObservableResult): void => {
        for (const figures of this.#figures.values()) result.observe(read(figures), figures.attributes);
      };
      observable.addCallback(callback);
      this.#forget.push(() => observable.removeCallback(callback));
    };
    observe(
      meter.createObservableUpDownCounter(`merino.${side}.active_calls`, {
        description: side === "client" ? "Calls that are not settled." : "Executions that are not over.",
        unit: "{call}",
      }),
      ({ active }) => active,
    );
    observe(
      meter.createObservableCounter(`merino.${side}.request.size`, {
        description: "Bytes of encoded arguments.",
        unit: "By",
      }),
      ({ requestBytes }) => requestBytes,
    );
    observe(
      meter.createObservableCounter(`merino.${side}.response.size`, {
        description: "Bytes of encoded results.",
        unit: "By",
      }),
      ({ responseBytes }) => responseBytes,
    );
  }

  started(message: Measured): void {
    (message as Timed)[this.#begun] = performance.now();
    this.#of(message.routine).active += 1;
  }

  ended(message: Measured): void {
    const begunMs = (message as Timed)[this.#begun];
    if (begunMs === undefined) return;
    (message as Timed)[this.#begun] = undefined;
    const figures = this.#of(message.routine);
    figures.active -= 1;
    figures.requestBytes += message.requestBytes ?? 0;
    figures.responseBytes += message.responseBytes;
    this.#durations.record((performance.now() - begunMs) / 1_000, this.#attributes(message, figures));
    if (message.queuedMs !== undefined) {
      this.#queued.record(message.queuedMs / 1_000, figures.attributes);
    }
  }

  /** Leaves the meter alone. */
  end(): void {
    for (const forget of this.#forget.splice(0)) forget();
  }

  #attributes(message: Measured, figures: RoutineFigures): Attributes {
    if (message.outcome === "failed") return figures.failed(this.#errorTypes.of(message.error));
    // Not an error; but its duration says nothing of how long calls take.
    if (message.outcome === "cancelled") return figures.failed("cancelled");
    return figures.attributes;
  }

  #of(routine: string): RoutineFigures {
    let figures = this.#figures.get(routine);
    if (figures === undefined) {
      figures = new RoutineFigures(routine);
      this.#figures.set(routine, figures);
    }
    return figures;
  }
}

/** All metrics of a process, with the instruments of one meter. */
import type { Counter, Meter, ObservableResult } from "@opentelemetry/api";
import type { CallMessage, CallRefusal } from "../telemetry/call-message.ts";
import type { ExecutionMessage } from "../telemetry/execution-message.ts";
import { ATTRIBUTES, SYSTEM } from "./attributes.ts";
import { ErrorTypes } from "./error-type.ts";
import type { OpenPools } from "./open-pools.ts";
import { SideMetrics } from "./side-metrics.ts";

/** Measures what the channels tell. */
export class Metrics {
  readonly #calls: SideMetrics;
  readonly #executions: SideMetrics;
  readonly #refusals: Counter;
  readonly #endPools: () => void;
  readonly #endUtilization: () => void;

  constructor(meter: Meter, pools: OpenPools) {
    const errorTypes = new ErrorTypes();
    this.#calls = new SideMetrics(meter, "client", errorTypes);
    this.#executions = new SideMetrics(meter, "server", errorTypes);
    this.#refusals = meter.createCounter("merino.client.refusals", {
      description: "Offers of calls that a worker has refused.",
      unit: "{refusal}",
    });
    this.#endPools = pools.observe(meter);
    this.#endUtilization = observeUtilization(meter);
  }

  callStarted(message: CallMessage): void {
    this.#calls.started(message);
  }

  callRefused(_message: CallMessage, refusal: CallRefusal): void {
    this.#refusals.add(1, { [ATTRIBUTES.system]: SYSTEM, [ATTRIBUTES.refusalCode]: refusal.code });
  }

  callEnded(message: CallMessage): void {
    this.#calls.ended(message);
  }

  executionStarted(message: ExecutionMessage): void {
    this.#executions.started(message);
  }

  executionEnded(message: ExecutionMessage): void {
    this.#executions.ended(message);
  }

  /** Leaves the meter alone. */
  end(): void {
    this.#calls.end();
    this.#executions.end();
    this.#endPools();
    this.#endUtilization();
  }
}

/** Of this thread, since the collection before. */
function observeUtilization(meter: Meter): () => void {
  const gauge = meter.createObservableGauge("nodejs.eventloop.utilization", {
    description: "Part of the time in which the event loop was not idle.",
    unit: "1",
  });
  let before = performance.eventLoopUtilization();
  const callback = (result: ObservableResult): void => {
    const now = performance.eventLoopUtilization();
    result.observe(performance.eventLoopUtilization(now, before).utilization);
    before = now;
  };
  gauge.addCallback(callback);
  return () => gauge.removeCallback(callback);
}

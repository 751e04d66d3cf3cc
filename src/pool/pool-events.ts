/**
 * The events of a pool and their readers. There are two streams, so that events about calls cost nothing while
 * nobody reads them, however many read about workers.
 */
import type { TaskEventSink } from "../client/dispatch/call-reporter.ts";
import type { QueueEvent } from "../client/waiting/queue-bound.ts";
import { assertBoolean, assertKnownOptions, assertSignal } from "../errors/check-options.ts";
import { EventStream } from "../internal/event-stream.ts";
import type { PoolEvent, ReservationEvent, WorkerEvent } from "./pool-event.ts";

/** Which events to read, and until when. */
export interface PoolEventsOptions {
  readonly signal?: AbortSignal;
  readonly tasks?: boolean;
}

const EVENTS_OPTIONS: Readonly<Record<keyof PoolEventsOptions, true>> = { signal: true, tasks: true };

/** The events of one pool. */
export class PoolEvents implements TaskEventSink {
  /** Whether anybody reads events about calls. */
  wanted = false;
  readonly #all = new EventStream<PoolEvent>({
    subscribers: (count) => {
      this.wanted = count > 0;
    },
  });
  readonly #withoutTasks = new EventStream<WorkerEvent | QueueEvent | ReservationEvent>();

  publish(event: PoolEvent): void {
    this.#all.publish(event);
    if (event.type !== "task") this.#withoutTasks.publish(event);
  }

  queueChanged(event: QueueEvent): void {
    this.publish(event);
  }

  /** @throws {@link InvalidOptionError} at once, for a bad option. */
  subscribe(options: PoolEventsOptions): AsyncIterable<PoolEvent> {
    assertKnownOptions(options, EVENTS_OPTIONS);
    const { signal, tasks = true } = options;
    assertSignal("signal", signal);
    assertBoolean("tasks", tasks);
    const subscription = signal === undefined ? {} : { signal };
    return tasks ? this.#all.subscribe(subscription) : this.#withoutTasks.subscribe(subscription);
  }

  /** Ends every subscription. */
  close(): void {
    this.#all.close();
    this.#withoutTasks.close();
  }
}

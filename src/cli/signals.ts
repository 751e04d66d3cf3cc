/**
 * The signals that end the command `worker`: the first asks, the second insists. While it listens, neither ends the
 * process by itself.
 */
import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** A signal that has come. */
export interface ReceivedSignal {
  readonly name: (typeof SIGNALS)[number];
  /** The exit code that a process ended by it would have. */
  readonly exitCode: number;
}

/** Listens until it is disposed. */
export interface SignalListener extends Disposable {
  readonly first: Promise<ReceivedSignal>;
  readonly second: Promise<ReceivedSignal>;
}

/** Starts listening. */
export function listenForSignals(): SignalListener {
  const resolvers: ((signal: ReceivedSignal) => void)[] = [];
  const [first, second] = [0, 1].map(
    () => new Promise<ReceivedSignal>((resolve) => resolvers.push(resolve)),
  ) as [Promise<ReceivedSignal>, Promise<ReceivedSignal>];
  const handlers = SIGNALS.map((name) => {
    const handler = (): void => resolvers.shift()?.({ name, exitCode: 128 + constants.signals[name] });
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  return {
    first,
    second,
    [Symbol.dispose]() {
      for (const remove of handlers) remove();
    },
  };
}

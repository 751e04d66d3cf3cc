/**
 * Waits for abort signals on behalf of many: one listener per signal, however many wait, and none when
 * nobody does.
 */

/** Told when the signal fires. */
export interface SignalTarget {
  abort(reason: unknown): void;
}

interface Watch {
  readonly targets: Set<SignalTarget>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/** Calls `target.abort` when the signal fires. The signal must not have fired yet. */
export function watchSignal(signal: AbortSignal, target: SignalTarget): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    const targets = new Set<SignalTarget>();
    const listener = (): void => {
      watches.delete(signal);
      for (const waiting of targets) waiting.abort(signal.reason);
    };
    watch = { targets, listener };
    watches.set(signal, watch);
    signal.addEventListener("abort", listener, { once: true });
  }
  watch.targets.add(target);
}

/** Stops telling a target. When no target is left, removes the listener from the signal. */
export function unwatchSignal(signal: AbortSignal, target: SignalTarget): void {
  const watch = watches.get(signal);
  if (watch === undefined) return;
  watch.targets.delete(target);
  if (watch.targets.size > 0) return;
  watches.delete(signal);
  signal.removeEventListener("abort", watch.listener);
}

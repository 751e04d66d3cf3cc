/**
 * The backpressure hook: a function of the worker's owner that decides, task by task, whether the worker
 * takes one more. It is asked last and sees only the head. What it accepts is accepted, with no decision
 * after it, so that its count of tasks is exact.
 */

import { inspect } from "node:util";
import type { TaskCaller } from "../context/task.ts";
import type { Peer } from "../credentials/peers/peer.ts";
import { isThenable } from "../internal/is-thenable.ts";
import { createThrottle } from "../internal/time/throttle.ts";
import { warn } from "../internal/warn.ts";
import type { Nack } from "../wire/frames.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import type { IncomingTask } from "./incoming-task.ts";

/** A task that asks to be accepted, as far as its head tells. */
export interface AcceptTask {
  /** The id under which the body would know itself. */
  readonly id: string;
  /** Identity of the routine. */
  readonly routine: string;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** The task that made the call; absent when it came from outside any task. */
  readonly caller: TaskCaller | undefined;
  /** Who has sent it. */
  readonly peer: Peer;
  /** Whether a task made the call. Refusing it can fail its caller, since a nested call never waits. */
  readonly nested: boolean;
}

/**
 * Decides whether a worker takes a task: `true` accepts, `false` refuses with FULL, upon which the caller tries
 * the next worker or waits.
 *
 * It is called before the arguments are decoded, and must decide at once: a promise is not an answer. A hook
 * that throws, or answers with anything but a boolean, refuses the task for this worker, with a warning
 * there.
 *
 * A nested call never waits for room: if every worker refuses it, it fails, and with it, as a rule, the task
 * that made it. A hook that bounds concurrency should therefore let nested tasks in.
 *
 * @param state `inFlight`: tasks accepted before this one whose bodies may still run, suspended generators
 *   included; `task`: the one that asks.
 * @example
 * // accept.ts
 * import type { AcceptHook } from "merino";
 * export const accept: AcceptHook = ({ inFlight, task }) => task.nested || inFlight < 2;
 */
export type AcceptHook = (state: { readonly inFlight: number; readonly task: AcceptTask }) => boolean;

/** How long a refused caller is told to wait before it asks again. */
const RETRY_AFTER_MS = 10;
const WARNING_INTERVAL_MS = 60_000;

/** Asks the hook of one worker, and handles its faults. */
export class AcceptGate {
  readonly #hook: AcceptHook;
  // One text for all faults: the hook's own messages may differ with every task, and tasks come from peers.
  readonly #warn = createThrottle((_text, suppressed) => warnOf(this.#describe(), suppressed), {
    intervalMs: WARNING_INTERVAL_MS,
  });
  #describe: () => string = () => "";

  constructor(hook: AcceptHook) {
    this.#hook = hook;
  }

  /**
   * Asks about one task.
   *
   * @param routine Its routine's identity; the task itself does not know it yet.
   * @returns The refusal, or `undefined` if the task is in.
   */
  judge(task: IncomingTask, routine: string, inFlight: number): Nack | undefined {
    const hook = this.#hook; // not a method of ours
    let verdict: unknown;
    try {
      verdict = hook({ inFlight, task: new AskingTask(task, routine) });
    } catch (error) {
      return this.#fault(() => `it threw ${inspect(error)}`);
    }
    if (verdict === true) return undefined;
    if (verdict === false) {
      return createNack(
        NackCode.FULL,
        `the worker's accept hook takes no more, at ${inFlight} in flight`,
        RETRY_AFTER_MS,
      );
    }
    if (isThenable(verdict)) {
      // Nobody waits for it: its failure must not end the process.
      void Promise.resolve(verdict).then(undefined, () => {});
      return this.#fault(() => "it returned a promise; it has to decide at once");
    }
    return this.#fault(() => `it returned ${inspect(verdict, { depth: 0 })}; it has to return true or false`);
  }

  /** The worker's own mistake: its owner is told, and the call goes on to the next candidate. */
  #fault(describe: () => string): Nack {
    this.#describe = describe;
    this.#warn("hook", "");
    // No code says "this worker is broken". One without a meaning makes the caller try the next worker,
    // without a pause.
    return createNack(
      NackCode.UNSPECIFIED,
      "the worker's accept hook failed; the worker's own warnings say how",
    );
  }
}

/** The task as the hook sees it. Its parts are made only when they are read. */
class AskingTask implements AcceptTask {
  readonly routine: string;
  readonly #task: IncomingTask;

  constructor(task: IncomingTask, routine: string) {
    this.#task = task;
    this.routine = routine;
  }

  get id(): string {
    return this.#task.id;
  }

  get tag(): string | undefined {
    return this.#task.tag;
  }

  get caller(): TaskCaller | undefined {
    return this.#task.caller;
  }

  get peer(): Peer {
    return this.#task.peer;
  }

  get nested(): boolean {
    return this.#task.nested;
  }
}

function warnOf(fault: string, suppressed: number): void {
  const more = suppressed === 0 ? "" : ` (${suppressed} more since the last warning)`;
  warn(
    "MERINO_ACCEPT_HOOK",
    `The worker's accept hook fails, and its tasks are refused for it: ${fault}${more}`,
  );
}

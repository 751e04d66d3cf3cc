/** The port between the call of a generator and the dispatcher that carries it. Types only. */
import type { Call, CallOwner } from "../call.ts";

/** The dispatcher as a generator's call sees it: it does more for generators than for functions. */
export interface GeneratorCallOwner extends CallOwner {
  /** Sends the call to a worker, or queues it. */
  submit(call: Call): void;
  /** The generator is suspended and nobody waits for it: it gives its permit back. */
  suspended(call: Call): void;
  resumed(call: Call): void;
}

/** The floor between threads by Node's own means: a message there and one back, to one thread. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Contender } from "./contender.ts";

export async function openMessagePort(): Promise<Contender> {
  const thread = new Worker(new URL("../functions/port-thread.mjs", import.meta.url), { execArgv: [] });
  await once(thread, "online");
  // Answers come in order.
  const waiting: ((answer: unknown) => void)[] = [];
  thread.on("message", (answer) => waiting.shift()?.(answer));
  const ask = (message: object): Promise<unknown> => {
    thread.postMessage(message);
    return new Promise((resolve) => waiting.push(resolve));
  };
  return {
    id: "message-port",
    name: "bare MessagePort",
    isStream: true,
    add: (x, y) => ask({ x, y }),
    echo: (value) => ask({ echo: value }),
    async close() {
      await thread.terminate();
    },
  };
}

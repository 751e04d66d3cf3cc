/** The task as its body sees it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask } from "../../../src/context/scope.ts";
import type { IncomingTask } from "../../../src/worker/incoming-task.ts";
import { eventually } from "../../support/eventually.ts";
import { connect, payloadOf } from "../../support/protocol-peers.ts";

/** A body that never ends, and the ids of the tasks that are current when its signals fire. */
function listening(): { readonly listen: (name: string) => Promise<void>; readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    listen: (name) => {
      const task = currentTask() as IncomingTask;
      const hear = (signal: AbortSignal, what: string): void =>
        signal.addEventListener("abort", () =>
          heard.push(`${name} ${what}: ${currentTask() === task ? "its task" : currentTask()?.id}`),
        );
      hear(task.signal, "signal");
      hear(AbortSignal.any([task.signal]), "combined");
      hear(task.get(0), "argument");
      return new Promise(() => {});
    },
  };
}

test("IncomingTask is the current task in the listeners of its signals, whatever makes them fire", async () => {
  const { listen, heard } = listening();
  await using pair = await connect({ listen });
  const { client, worker } = pair;
  const cancelled = client.call("listen", ["cancelled"]);
  client.call("listen", ["lost"]);
  await eventually(() => worker.starts === 2);

  client.session.signal(cancelled.stream, 0, payloadOf(new Error("enough")));
  client.session.signal(cancelled.stream, 0, payloadOf(new Error("twice")));
  client.session.cancel(cancelled.stream, payloadOf(new Error("enough")));
  await eventually(() => heard.length === 3);
  client.session.connection.close();
  await eventually(() => heard.length === 5);

  assert.deepEqual(heard, [
    "cancelled argument: its task",
    "cancelled signal: its task",
    "cancelled combined: its task",
    "lost signal: its task",
    "lost combined: its task",
  ]);
});

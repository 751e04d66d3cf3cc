/** The floor for bodies and for starts: two bare processes, each of which is told once to do half of the work. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Contender, WORKERS } from "./contender.ts";

const WORKER = fileURLToPath(new URL("../functions/bare-worker.mjs", import.meta.url));

export async function openBareProcesses(): Promise<Contender> {
  const children = Array.from({ length: WORKERS }, () => fork(WORKER, { execArgv: [] }));
  await Promise.all(children.map((child) => once(child, "message")));
  const ask = async (child: (typeof children)[number], message: object): Promise<void> => {
    child.send(message);
    await once(child, "message");
  };
  return {
    id: "bare-processes",
    name: "two bare processes",
    async workDivided(units, count) {
      await Promise.all(
        children.map((child, index) =>
          ask(child, { units, count: index === 0 ? Math.ceil(count / 2) : Math.floor(count / 2) }),
        ),
      );
    },
    startProbe: ["bare-fork.mjs"],
    async close() {
      const exited = children.map((child) => once(child, "exit"));
      for (const child of children) child.disconnect();
      await Promise.all(exited);
    },
  };
}

/** What others get of a network worker's resources when their holder is lost: its process killed, or its connection cut. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ReservationLostError, StaticDiscovery, WorkerLostError, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { TcpProxy } from "./chaos/tcp-proxy.ts";
import { startCommand } from "./cli/cli-support.ts";
import { THIS_HOST } from "./faults/processes.ts";
import { rejection } from "./fixtures/pool-support.ts";
import { one, values } from "./fixtures/resource-routines.ts";

const ROUTINES = fileURLToPath(new URL("./fixtures/resource-routines.ts", import.meta.url));
const HOLDER = fileURLToPath(new URL("./fixtures/gpu-holder.ts", import.meta.url));
/** For what waits until others have what they wait for. */
const TIMEOUT = { timeout: 60_000 };

/** A worker with one GPU. */
const serve = () =>
  startCommand(["worker", ROUTINES, "--host", "127.0.0.1", "--insecure", "--resource", "gpu=1"], {
    NODE_OPTIONS: TYPESCRIPT_FLAGS.join(" "),
  });

/** A call that waits for the GPU, which somebody else holds. Resolves when it does, with a promise of its end. */
async function waits(pool: WorkerPool): Promise<{ readonly over: Promise<number> }> {
  const over = pool.run(() => one(1));
  await eventually(() => pool.explain().resources.some(({ waiting }) => waiting === 1));
  return { over };
}

describe("the GPU of a network worker", () => {
  for (const how of ["body", "reservation"] as const) {
    test(`is free again once the process is killed that holds it by a ${how}`, TIMEOUT, async () => {
      await using _ = leakCheck();
      await using worker = serve();
      const address = await worker.serves();
      const holder = THIS_HOST.startNode([HOLDER, how, address], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      await once(holder, "message");
      await using pool = await WorkerPool.open({ discovery: new StaticDiscovery([address]), ambient: false });
      const { over } = await waits(pool);

      const exited = once(holder, "exit");
      holder.kill("SIGKILL");
      await exited;

      await over;
      // All of it, and once: a reservation of the same is granted, and no second one beside it.
      await using gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
      const second = pool.reserve({ gpu: 1 }, { for: 60_000, timeout: 200 });
      assert.equal(((await rejection(second)) as { code?: string }).code, "ERR_MERINO_TIMEOUT");
      await gpu.run(() => one(1));
    });
  }

  for (const how of ["reset", "end"] as const) {
    test(
      `is free again once the connection of its holder is cut (${how}), who is told`,
      TIMEOUT,
      async () => {
        await using _ = leakCheck();
        await using worker = serve();
        const address = await worker.serves();
        const [host = "", port] = address.split(":");
        await using link = await TcpProxy.start({ host, port: 0 }, { host, port: Number(port) });
        const through = new StaticDiscovery([`${host}:${link.port}`]);
        await using holder = await WorkerPool.open({ discovery: through, ambient: false });
        await using pool = await WorkerPool.open({
          discovery: new StaticDiscovery([address]),
          ambient: false,
        });
        const gpu = await holder.reserve({ gpu: 1 }, { for: 60_000 });
        await gpu.run(() => one(1));
        const waiting = await waits(pool);

        link.cut(how);

        assert.equal(await gpu.ended, "lost");
        await waiting.over;
        const error = await rejection(gpu.run(() => one(1)));
        assert.ok(error instanceof ReservationLostError, String(error));
        assert.equal(error.end, "lost");
        // The holder reaches its worker again, and gets what is free: a body of its own, whose connection is cut as well.
        const held = holder.run(() => values());
        await held.next();
        const others = await waits(pool);
        link.cut(how);
        assert.ok((await rejection(held.next())) instanceof WorkerLostError);
        await others.over;
        await holder.run(() => one(1));
      },
    );
  }
});

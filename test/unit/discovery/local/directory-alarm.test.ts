/** When to look at a directory again. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryAlarm } from "../../../../src/discovery/local/directory-alarm.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const NEVER_MS = 3_600_000;

/** An alarm for a fresh directory. The test's time limit stands for "it never rings". */
function useAlarm(
  intervalMs: number,
  queue?: DeadlineQueue,
): Disposable & { readonly alarm: DirectoryAlarm; readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "merino-test-"));
  const alarm = new DirectoryAlarm(path, intervalMs, queue);
  // The alarm keeps no process alive; the test must.
  const alive = setInterval(() => {}, 1_000);
  return {
    alarm,
    path,
    [Symbol.dispose]() {
      alarm.close();
      clearInterval(alive);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

test("DirectoryAlarm rings when a file appears", { timeout: 5_000 }, async () => {
  using setting = useAlarm(NEVER_MS);
  setting.alarm.watch();

  writeFileSync(join(setting.path, "a"), "");

  assert.equal(await setting.alarm.sleep(), "change");
});

test("DirectoryAlarm rings again after its directory was removed and made anew", {
  timeout: 5_000,
}, async () => {
  using setting = useAlarm(NEVER_MS);
  const { alarm, path } = setting;
  for (let round = 0; round < 5; round++) {
    alarm.watch();

    rmdirSync(path);
    mkdirSync(path);
    assert.equal(await alarm.sleep(), "change");
    // The end of a watch may come as several events; only what is written below may ring from here on.
    await new Promise((resolve) => setImmediate(resolve));
    alarm.watch();
    alarm.ring("change");
    await alarm.sleep();
    writeFileSync(join(path, "a"), "");

    assert.equal(await alarm.sleep(), "change");
    rmSync(join(path, "a"));
  }
});

test("DirectoryAlarm rings once per interval without a change, until it is closed", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  using setting = useAlarm(100, queue);
  const rings: string[] = [];
  const listen = async (): Promise<void> => {
    for (;;) rings.push(await setting.alarm.sleep());
  };
  void listen();

  await clock.advance(99);
  const early = rings.length;
  await clock.advance(101);
  setting.alarm.close();
  await clock.advance(1_000);

  assert.deepEqual([early, rings, queue.size], [0, ["interval", "interval"], 0]);
});

test("DirectoryAlarm keeps a ring for a sleeper that comes later, the interval's before a change's", async () => {
  using setting = useAlarm(NEVER_MS);
  const { alarm } = setting;

  alarm.ring("change");
  alarm.ring("interval");
  alarm.ring("change");

  assert.equal(await alarm.sleep(), "interval");
});

test("DirectoryAlarm throws when there is no directory to watch", () => {
  using setting = useAlarm(NEVER_MS);
  rmdirSync(setting.path);

  assert.throws(() => setting.alarm.watch(), { code: "ENOENT" });
});

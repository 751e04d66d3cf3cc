// own process: its clock is simulated
import process from "node:process";
import { describe, test } from "node:test";
import { runSchedule } from "../../../support/dispatch-model/schedule.ts";

/** More of them, or others: see CONTRIBUTING.md. */
const FIRST_SEED = Number(process.env.MERINO_MODEL_SEED ?? 1);
const SCHEDULES = Number(process.env.MERINO_MODEL_SCHEDULES ?? 5_000);

describe("a dispatcher", () => {
  test("sends every call that a member has room for, once, and keeps its counts, whatever happens", async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) await runSchedule(seed);
  });
});

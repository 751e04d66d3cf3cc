/** The short form of the soak: one round of all that happens to a fleet, in a third of the time. */
// runs early: it waits for most of its time, for links that are cut and for members that come back
import { test } from "node:test";
import { PACES, runSoak } from "./soak.ts";

test("A fleet under load settles every call once, whatever happens to its links and workers", {
  timeout: 240_000,
}, async (context) => {
  await runSoak({ pace: PACES.short, say: (text) => context.diagnostic(text) });
});

/** A process that does what it is told, without a library: so many bodies, one message for all of them. */
import process from "node:process";
import { work } from "./work.mjs";

process.on("message", ({ units, count }) => {
  for (let body = 0; body < count; body++) work(units);
  process.send("done");
});
process.once("disconnect", () => process.exit());
process.send("ready");

/** A program that attacks a worker over the network: its address, the attack and for how many milliseconds. */
import { HTTP2_ATTACKS } from "../../support/hostile/http2-attacks.ts";
import { SESSION_ATTACKS } from "../../support/hostile/session-attacks.ts";

const [address = "", what = "", durationMs] = process.argv.slice(2);
const attack = { ...SESSION_ATTACKS, ...HTTP2_ATTACKS }[what];
if (attack === undefined) throw new Error(`There is no attack of '${what}'`);
const awake = setInterval(() => {}, 1_000);
process.once("message", async () => {
  process.send?.({ done: await attack(address, Number(durationMs)) });
  clearInterval(awake);
  process.disconnect?.();
});
process.send?.("ready");

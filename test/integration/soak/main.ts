/**
 * The soak in its long form, once the package is built: a minute of load for each round, in which links are cut and workers
 * are killed, added and rolled over. Prints what the calls have come to; fails for whatever should not have happened.
 *
 *     node --import tsx test/integration/soak/main.ts --rounds 5
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { PACES, runSoak } from "./soak.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "1" } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("'--rounds' takes a number from 1 on");
await runSoak({ pace: PACES.minute, rounds, say: (text) => void process.stdout.write(`${text}\n`) });

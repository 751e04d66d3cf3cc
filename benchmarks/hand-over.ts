/**
 * A large file from one worker process to another, item by item: `index(parse())` as it is, and through its caller as it was,
 * by turns. Prints the time, the processor time of all three processes, and by how much the resident memory of each grew at
 * most. `--mib 1024` says how much.
 *
 * Through the caller it goes since that passes on an iterable of its own around the stream.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { WorkerPool } from "merino";
import { drain, pieces, settle } from "./functions/hand-over.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "1024" },
    piece: { type: "string", default: "65536" },
    rounds: { type: "string", default: "3" },
  },
});
const totalBytes = Number(values.mib) * 1024 * 1024;
const pieceBytes = Number(values.piece);
const MIB = 1024 * 1024;

/** The same, read and passed on here. */
async function* through<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) yield item;
}

function residentBytes(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

/** Processor time of a process, in milliseconds. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

await using pool = await WorkerPool.open({ size: 2 });
const pids = [process.pid, ...pool.workers.map(({ pid }) => pid)];

async function measure(
  isDirect: boolean,
  bytes: number,
): Promise<{ ms: number; cpuMs: number; grownMib: number[] }> {
  await settle();
  const before = pids.map(residentBytes);
  const peak = [...before];
  const look = setInterval(() => {
    pids.forEach((pid, at) => {
      peak[at] = Math.max(peak[at] ?? 0, residentBytes(pid));
    });
  }, 20);
  const cpuBefore = pids.map(processorMs).reduce((sum, ms) => sum + ms);
  const begunMs = performance.now();
  const made = pieces(Math.ceil(bytes / pieceBytes), pieceBytes);
  const read = await drain(isDirect ? made : through(made));
  const ms = performance.now() - begunMs;
  clearInterval(look);
  if (read !== Math.ceil(bytes / pieceBytes) * pieceBytes) throw new Error(`${read} bytes have come`);
  return {
    ms,
    cpuMs: pids.map(processorMs).reduce((sum, each) => sum + each) - cpuBefore,
    grownMib: peak.map((most, at) => Math.round((most - (before[at] ?? 0)) / MIB)),
  };
}

const ratios: number[] = [];
await measure(true, 64 * MIB);
await measure(false, 64 * MIB);
for (let round = 0; round < Number(values.rounds); round++) {
  const [direct, passed] = [await measure(true, totalBytes), await measure(false, totalBytes)];
  for (const [name, { ms, cpuMs, grownMib }] of [
    ["direct", direct],
    ["through the caller", passed],
  ] as const) {
    const rate = (totalBytes / MIB / (ms / 1000)).toFixed(0);
    console.log(
      `${name}: ${rate} MiB/s, ${(cpuMs / (totalBytes / MIB)).toFixed(2)} ms of processor time a MiB; caller and workers grew by ${grownMib.join(", ")} MiB`,
    );
  }
  ratios.push(passed.ms / direct.ms);
}
console.log(`direct is ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")} × as fast`);

/** scratch */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { WorkerPool } from "merino";
import { add, busy } from "../jobs/merino.ts";

const want = (process.env["WHO"] ?? "piscina,process,thread").split(",");
const rows = (process.env["ROWS"] ?? "single,1,10,100,1000,paced,body0.1,body0.3,body1,body10").split(",");
const ROUNDS = Number(process.env["ROUNDS"] ?? 5);

interface C { id: string; add(x: number, y: number): Promise<unknown>; busy(ms: number): Promise<unknown>; close(): Promise<void> }
async function open(id: string): Promise<C> {
  if (id === "piscina") {
    const pool = new Piscina({ filename: fileURLToPath(new URL("../jobs/piscina.mjs", import.meta.url)), minThreads: 2, maxThreads: 2 });
    return { id, add: (x, y) => pool.run({ x, y }, { name: "add" }), busy: (durationMs) => pool.run({ durationMs }, { name: "busy" }), close: () => pool.destroy() };
  }
  const pool = await WorkerPool.open({ size: 2, worker: id as "thread" });
  const a = add.with({ pool }), b = busy.with({ pool });
  return { id, add: (x, y) => a(x, y), busy: (ms) => b(ms), close: () => pool.close() };
}
const pct = (xs: number[], p: number) => { const s = [...xs].sort((a, b) => a - b); return s[Math.min(s.length - 1, Math.floor(s.length * p))] ?? NaN; };
const med = (xs: number[]) => pct(xs, 0.5);
function cpuMs() {
  // whole process tree: own + children by /proc
  const u = process.cpuUsage();
  return (u.user + u.system) / 1000;
}
import { readdirSync, readFileSync } from "node:fs";
function childCpuMs(): number {
  let sum = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const s = readFileSync(`/proc/${pid}/stat`, "latin1");
      const f = s.slice(s.lastIndexOf(")") + 2).split(" ");
      if (Number(f[1]) !== process.pid) continue;
      // schedstat of all tasks for ns precision
      for (const t of readdirSync(`/proc/${pid}/task`)) sum += Number(readFileSync(`/proc/${pid}/task/${t}/schedstat`, "latin1").split(" ")[0]) / 1e6;
    } catch {}
  }
  return sum;
}
const run: Record<string, (c: C) => Promise<Record<string, number>>> = {
  async single(c) {
    const t: number[] = [];
    const n = 2000;
    for (let i = 0; i < 300; i++) await c.add(1, 2);
    const c0 = cpuMs() + childCpuMs();
    for (let i = 0; i < n; i++) { const s = performance.now(); await c.add(1, 2); t.push((performance.now() - s) * 1000); }
    const cpu = (cpuMs() + childCpuMs() - c0) * 1000 / n;
    return { p50: pct(t, 0.5), p99: pct(t, 0.99), cpu };
  },
  async paced(c) {
    const t: number[] = [];
    const n = 600;
    const pend: Promise<unknown>[] = [];
    const c0 = cpuMs() + childCpuMs();
    await new Promise<void>((done) => {
      let i = 0;
      const id = setInterval(() => {
        const s = performance.now();
        pend.push(c.add(1, 2).then(() => { t.push((performance.now() - s) * 1000); }));
        if (++i === n) { clearInterval(id); done(); }
      }, 1);
    });
    await Promise.all(pend);
    const cpu = (cpuMs() + childCpuMs() - c0) * 1000 / n;
    return { p50: pct(t, 0.5), p99: pct(t, 0.99), cpu };
  },
};
for (const inFlight of [1, 10, 100, 1000]) run[String(inFlight)] = async (c) => {
  let left = inFlight === 1 ? 3000 : c.id === "piscina" ? 10000 : 40000;
  const n = left;
  const lane = async () => { while (left-- > 0) await c.add(1, 2); };
  const c0 = cpuMs() + childCpuMs();
  const s = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const ms = performance.now() - s;
  return { kps: n / ms, cpu: (cpuMs() + childCpuMs() - c0) * 1000 / n };
};
for (const ms of [0.1, 0.3, 1, 10]) run[`body${ms}`] = async (c) => {
  const n = Math.round(300 / ms);
  let left = n;
  const lane = async () => { while (left-- > 0) await c.busy(ms); };
  const c0 = cpuMs() + childCpuMs();
  const s = performance.now();
  await Promise.all(Array.from({ length: 16 }, lane));
  const wall = performance.now() - s;
  return { ratio: wall / (n * ms / 2), cpuover: ((cpuMs() + childCpuMs() - c0) - n * ms) * 1000 / n };
};
const cs: C[] = [];
for (const id of want) cs.push(await open(id));
for (const c of cs) { for (const r of ["single", "100"]) await run[r]!(c); }
for (const row of rows) {
  const out = new Map<string, Record<string, number[]>>();
  for (let r = 0; r < ROUNDS; r++) for (let k = 0; k < cs.length; k++) {
    const c = cs[(k + r) % cs.length]!;
    const f = await run[row]!(c);
    const o = out.get(c.id) ?? {};
    for (const [n, v] of Object.entries(f)) (o[n] ??= []).push(v);
    out.set(c.id, o);
  }
  for (const c of cs) console.log(row.padEnd(8), c.id.padEnd(8), Object.entries(out.get(c.id)!).map(([n, v]) => `${n} ${med(v).toFixed(2)} [${Math.min(...v).toFixed(1)}–${Math.max(...v).toFixed(1)}]`).join("  "));
}
for (const c of cs) await c.close();

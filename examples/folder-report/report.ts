/** Adds up what the routines found and writes it down as a table. */
import { createHash } from "node:crypto";
import { relative } from "node:path";
import type { Finding, MeasuredFile } from "./jobs.ts";
import type { Plan } from "./plan.ts";

/** Everything found in one run, in whatever order it arrived. */
export class Findings {
  readonly files: MeasuredFile[] = [];
  readonly unreadable: string[] = [];
  /** Calls by the process that ran them. */
  readonly callsByPid: Map<number, { folders: number; files: number }> = new Map();

  add(finding: Finding): void {
    const calls = this.callsByPid.get(finding.pid) ?? { folders: 0, files: 0 };
    this.callsByPid.set(finding.pid, calls);
    if (finding.type === "folder") {
      calls.folders++;
      return;
    }
    calls.files++;
    if (finding.type === "file") this.files.push(finding);
    else this.unreadable.push(`${finding.path} (${finding.reason})`);
  }

  /** Files of which there is a finding, readable or not. */
  get done(): number {
    return this.files.length + this.unreadable.length;
  }

  total(field: "bytes" | "gzipBytes" | "brotliBytes"): number {
    return this.files.reduce((sum, file) => sum + file[field], 0);
  }

  /** The same for two runs that found the same, whatever the order. */
  fingerprint(): string {
    const lines = this.files.map((file) =>
      [file.path, file.sha256, file.gzipBytes, file.brotliBytes].join("\0"),
    );
    return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
  }
}

export interface ReportInput {
  readonly root: string;
  readonly plan: Plan;
  readonly findings: Findings;
  readonly workers: number;
  /** Wall times in milliseconds; that of the pool includes the start of its workers. */
  readonly poolMs: number;
  readonly startMs: number;
  readonly localMs: number;
}

const WORST_FILES = 10;
/** Smaller ones always compress badly and would fill the table. */
const WORST_FROM_BYTES = 1024;

export function formatReport(input: ReportInput): string {
  return [formatTotals(input), formatWorst(input), formatCalls(input), formatTimes(input)].join("\n\n");
}

function formatTotals({ root, plan, findings }: ReportInput): string {
  const bytes = findings.total("bytes");
  const distinct = new Map(findings.files.map((file) => [file.sha256, file.bytes]));
  const distinctBytes = [...distinct.values()].reduce((sum, each) => sum + each, 0);
  const row = (label: string, count: number, note = "") => `  ${label.padEnd(12)}${padded(count, 15)}${note}`;
  const size = (label: string, count: number) => row(label, count, ` B   ${percent(count, bytes)}`);
  const lines = [
    `Totals for ${root}`,
    row("folders", plan.folders.length),
    row("files", findings.files.length, plan.limitReached ? "     stopped at --limit" : ""),
    row("duplicates", findings.files.length - distinct.size),
    size("content", bytes),
    size("distinct", distinctBytes),
    size("gzip", findings.total("gzipBytes")),
    size("brotli", findings.total("brotliBytes")),
  ];
  if (plan.emptyFolders > 0) lines.push(row("skipped", plan.emptyFolders, "     empty folder"));
  for (const [reason, count] of plan.skipped) lines.push(row("skipped", count, `     ${reason}`));
  for (const file of findings.unreadable) lines.push(`  unreadable  ${file}`);
  return lines.join("\n");
}

function formatWorst({ root, findings }: ReportInput): string {
  const share = (file: MeasuredFile) => file.brotliBytes / file.bytes;
  const worst = findings.files
    .filter((file) => file.bytes >= WORST_FROM_BYTES)
    .sort((a, b) => share(b) - share(a) || (a.path < b.path ? -1 : 1))
    .slice(0, WORST_FILES)
    .map(
      (file) =>
        `  ${percent(file.brotliBytes, file.bytes)}  ${padded(file.bytes, 11)} B  ${relative(root, file.path)}`,
    );
  return [
    `Worst-compressing files (brotli, from ${WORST_FROM_BYTES} B)`,
    ...(worst.length > 0 ? worst : ["  none"]),
  ].join("\n");
}

function formatCalls({ findings }: ReportInput): string {
  const rows = [...findings.callsByPid]
    .sort(([a], [b]) => a - b)
    .map(
      ([pid, calls]) =>
        `  pid ${String(pid).padEnd(9)} ${padded(calls.folders, 8)} folders ${padded(calls.files, 9)} files`,
    );
  return ["Calls per worker", ...rows].join("\n");
}

function formatTimes({ workers, poolMs, startMs, localMs }: ReportInput): string {
  return [
    "Wall time",
    `  ${`${workers} workers`.padEnd(13)} ${padded(poolMs, 8)} ms  (${Math.round(startMs)} ms of it to start them)`,
    `  one process   ${padded(localMs, 8)} ms`,
    `  ratio         ${(localMs / poolMs).toFixed(2).padStart(8)} ×`,
  ].join("\n");
}

function padded(count: number, width: number): string {
  return Math.round(count).toLocaleString("en-US").padStart(width);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "      –" : `${((100 * part) / whole).toFixed(1).padStart(5)} %`;
}

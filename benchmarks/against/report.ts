/** A comparison in words: a table for people, the same and every single ratio as data. */
import type { Outcome } from "../support/run.ts";
import type { Table } from "../support/table.ts";
import type { Commit } from "./commit.ts";
import type { Row } from "./row.ts";
import type { Verdict } from "./verdict.ts";

export interface JudgedRow extends Verdict {
  readonly row: Row;
}

export interface Comparison {
  readonly commit: Commit;
  /** What the working tree is. */
  readonly workingTree: string;
  readonly pairs: number;
  readonly judged: readonly JudgedRow[];
  /** Workloads that the other commit cannot do, and why. */
  readonly unsupported: ReadonlyMap<string, string>;
}

export function report({ commit, workingTree, pairs, judged, unsupported }: Comparison): Outcome {
  const { ref, hash, subject } = commit;
  const other = hash.startsWith(ref) ? hash.slice(0, 7) : `${ref} (${hash.slice(0, 7)})`;
  const tables: Table[] = [
    {
      title: `Working tree (${workingTree}) against ${other} "${subject}", ${pairs} pairs; above 1 × the working tree is better`,
      head: ["", "unit", other, "new", "ratio", "range", "A/A", "verdict"],
      rows: judged.map((each) => [
        each.row.name,
        each.row.unit,
        formatFigure(each.old),
        formatFigure(each.new),
        `${each.ratio.toFixed(3)} ×`,
        `${Math.min(...each.ratios).toFixed(2)}–${Math.max(...each.ratios).toFixed(2)}`,
        `± ${((each.spread - 1) * 100).toFixed(1)} %`,
        each.verdict === "worse" ? "WORSE" : each.verdict,
      ]),
    },
  ];
  if (unsupported.size > 0) {
    tables.push({
      title: `Not compared, because ${other} cannot run it`,
      head: ["workload: reason"],
      rows: [...unsupported].map(([workload, reason]) => [`${workload}: ${reason}`]),
    });
  }
  return {
    data: {
      against: commit,
      workingTree,
      pairs,
      rows: judged.map(({ row, ...verdict }) => ({ ...row, ...verdict })),
      notCompared: Object.fromEntries(unsupported),
    },
    tables,
    // Having looked at nothing is no success either.
    failed: judged.length === 0 || judged.some(({ verdict }) => verdict === "worse"),
  };
}

function formatFigure(figure: number): string {
  if (figure >= 1_000) return Math.round(figure).toLocaleString("en-US");
  return figure.toPrecision(3);
}

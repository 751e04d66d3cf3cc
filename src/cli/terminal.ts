/** Where a command writes, and how it fails. Commands never touch the process's own streams, so that tests can run them. */
import { shownBelow, shownBriefly, shownOutput } from "../internal/shown-text.ts";

/** The two streams of a command. */
export interface Terminal {
  /** The result that was asked for: an address, a list, JSON. */
  out(text: string): void;
  /** Everything else. */
  err(text: string): void;
}

/** Writes to a terminal nothing that it would obey, whatever a command prints. JSON reads back as the same value. */
export function guarded(terminal: Terminal): Terminal {
  return {
    out: (text) => terminal.out(shownOutput(text)),
    err: (text) => terminal.err(shownOutput(text)),
  };
}

/** Writes a line of the command's own. What has several lines is indented from the second on. */
export function say(terminal: Terminal, text: string): void {
  terminal.err(`merino: ${shownBelow(text)}\n`);
}

/** How a command may end. */
export const ExitCode = {
  OK: 0,
  /** It was understood and did not succeed, or has found something wrong. */
  FAILED: 1,
  /** It was not understood: an option or argument that cannot be accepted. Nothing was started. */
  USAGE: 2,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with a message for people. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, options: ErrorOptions & { readonly exitCode: number }) {
    super(message, options);
    this.name = "CommandFailure";
    this.exitCode = options.exitCode;
  }
}

/** A mistake in what was typed. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(message, { exitCode: ExitCode.USAGE });
}

/** Code units of a cell that are shown. */
const MAX_CELL = 300;

/**
 * Sets text in columns, two spaces apart; the last column is not padded. The cells may hold text from anywhere.
 *
 * @example
 * formatTable([["UID", "PID"], ["a", "4711"]]); // => "UID  PID\na    4711\n"
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => shownBriefly(cell, MAX_CELL)));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
        .concat("\n"),
    )
    .join("");
}

/** Where a command writes, and how it fails. Commands never touch the process's own streams, so that tests can run them. */

/** The two streams of a command. */
export interface Terminal {
  /** The result that was asked for: an address, a list, JSON. */
  out(text: string): void;
  /** Everything else. */
  err(text: string): void;
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

/**
 * Sets text in columns, two spaces apart; the last column is not padded.
 *
 * @example
 * formatTable([["UID", "PID"], ["a", "4711"]]); // => "UID  PID\na    4711\n"
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, printable(cell).length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
        .concat("\n"),
    )
    .join("");
}

/**
 * Replaces control and invisible formatting characters, so that text from a peer cannot send commands to the
 * terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}

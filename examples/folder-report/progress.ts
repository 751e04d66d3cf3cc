/**
 * Shows how far the job is, on standard error, so that standard output holds only the report: a bar on a
 * terminal, and elsewhere (a log, a pipe) a plain line for every tenth.
 */

/** The part of a stream that is needed; `process.stderr` is one. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface Progress {
  /** Says that `done` files of the total are measured. */
  update(done: number): void;
  /** Removes the bar. To be called once, whether the job succeeded or not. */
  end(): void;
}

const BAR_WIDTH = 30;
const REDRAW_INTERVAL_MS = 50;
const ERASE_LINE = "\r\x1b[2K";

export function createProgress(
  title: string,
  total: number,
  stream: ProgressOutput = process.stderr,
): Progress {
  return stream.isTTY ? createBar(title, total, stream) : createLines(title, total, stream);
}

function createBar(title: string, total: number, stream: ProgressOutput): Progress {
  let drawnAt = 0;
  return {
    update(done) {
      const now = performance.now();
      if (done < total && now - drawnAt < REDRAW_INTERVAL_MS) return;
      drawnAt = now;
      const filled = Math.round((BAR_WIDTH * done) / total);
      const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
      stream.write(`${ERASE_LINE}${title} ${bar} ${done} of ${total} files`);
    },
    end() {
      stream.write(ERASE_LINE);
    },
  };
}

function createLines(title: string, total: number, stream: ProgressOutput): Progress {
  let tenthsShown = 0;
  return {
    update(done) {
      const tenths = Math.floor((10 * done) / total);
      if (tenths === tenthsShown) return;
      tenthsShown = tenths;
      stream.write(`${title}: ${done} of ${total} files (${tenths}0 %)\n`);
    },
    end() {},
  };
}

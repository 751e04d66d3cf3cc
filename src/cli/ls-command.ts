/** `merino ls`: the workers that a discovery knows, each with how long it has had nothing to do. It changes nothing. */
import { Command, Option } from "commander";
import { trustOf } from "../credentials/trust-of.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { parseDuration } from "./arguments.ts";
import {
  addCredentialsOptions,
  CREDENTIALS_DETAILS,
  type CredentialsOptions,
  credentialsOf,
} from "./credentials-options.ts";
import { DISCOVERY_DETAILS, type DiscoveryArgument, discoveryOption } from "./discovery-argument.ts";
import { seenWorkers } from "./seen-workers.ts";
import { formatTable, say, type Terminal } from "./terminal.ts";
import { idleTimeOf } from "./worker-contact.ts";

interface LsCommandOptions extends CredentialsOptions {
  readonly discovery: DiscoveryArgument;
  readonly wait?: number;
  readonly json: boolean;
}

/** How long a worker may take to say since when it has been idle. */
const ANSWER_MS = 2_000;

const DETAILS = `
IDLE is the time since the worker's last call ended: 'busy' while it has one, '-' if it cannot be asked, as
the workers of a pool that serves its own program only.

With --json it prints one array; each element has the worker's record as it was announced, and idle: the time in
milliseconds, 0 while it is busy, null if it cannot be asked.

What others have written is shown with escapes, as \\u001b, for characters that a terminal would obey or hide. In
JSON they are JSON's own, and read back as the text itself.
${DISCOVERY_DETAILS}
${CREDENTIALS_DETAILS}

Exit codes: 0 also when there are no workers, 1 the discovery failed, 2 wrong options.

Examples:
  merino ls --discovery local:thumbs
  merino ls --discovery dns:jobs.default.svc.cluster.local:7777 --wait 5000 --json`;

/** The option of every command that listens to a discovery. */
export function waitOption(): Option {
  return new Option(
    "--wait <ms>",
    "how long to listen for workers (default: 500 for local, 3000 for the others)",
  ).argParser(parseDuration);
}

/** Makes the command. */
export function lsCommand(terminal: Terminal): Command {
  const command = new Command("ls")
    .summary("list the workers that a discovery knows")
    .description("Lists the workers that a discovery knows.")
    .addOption(discoveryOption().makeOptionMandatory())
    .addOption(waitOption())
    .option("--json", "print JSON instead of a table", false);
  return addCredentialsOptions(command)
    .addHelpText("after", DETAILS)
    .action(async ({ discovery, wait, json, ...options }: LsCommandOptions) => {
      const credentials = credentialsOf(options);
      const trust = trustOf(credentials);
      const workers = await seenWorkers(discovery.discovery, wait ?? discovery.waitMs, { trust });
      const idle = await Promise.all(
        workers.map((worker) => idleTimeOf(worker, { timeout: ANSWER_MS, credentials })),
      );
      if (json) {
        const list = workers.map((worker, index) => ({ ...worker, idle: idle[index] ?? null }));
        terminal.out(`${JSON.stringify(list, undefined, 2)}\n`);
        return;
      }
      const rows = workers.map((worker, index) => describeRow(worker, idle[index]));
      terminal.out(
        formatTable([["UID", "ADDRESS", "PID", "VERSION", "BUILD", "TAGS", "SECURE", "IDLE"], ...rows]),
      );
      if (workers.length === 0) say(terminal, `no workers in '${discovery.text}'`);
    });
}

function describeRow(worker: WorkerMetadata, idleMs: number | undefined): readonly string[] {
  return [
    worker.uid,
    worker.address,
    String(worker.pid),
    worker.version,
    worker.build ?? "-",
    worker.tags.join(",") || "-",
    worker.secure ? "yes" : "no",
    idleMs === undefined ? "-" : idleMs === 0 ? "busy" : formatDuration(idleMs),
  ];
}

/** To the unit that matters: `0.4s`, `12s`, `3m`, `5h`. */
function formatDuration(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 120) return `${Math.round(seconds)}s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3_600)}h`;
}

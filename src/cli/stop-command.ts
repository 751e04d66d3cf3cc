/** `merino stop`: asks one worker to end in order. Which one is found by its uid, or the beginning of it. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import { errorText } from "../internal/error-text.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { parseTimeLimit } from "./arguments.ts";
import {
  addCredentialsOptions,
  CREDENTIALS_DETAILS,
  type CredentialsOptions,
  credentialsOf,
} from "./credentials-options.ts";
import { DISCOVERY_DETAILS, type DiscoveryArgument, discoveryOption } from "./discovery-argument.ts";
import { waitOption } from "./ls-command.ts";
import { seenWorkers } from "./seen-workers.ts";
import { CommandFailure, ExitCode, say, type Terminal, usageFailure } from "./terminal.ts";
import { stopWorker } from "./worker-contact.ts";

interface StopCommandOptions extends CredentialsOptions {
  readonly discovery: DiscoveryArgument;
  readonly wait?: number;
  readonly grace: number;
}

const DETAILS = `
The worker is retracted from discovery, refuses new calls, waits for those under way at most --grace, and ends.
The command returns when the worker has agreed to that, and does not wait for its end.

A worker ends only for a caller that runs on the same host as the same user, or whose credentials it has
verified. To end a worker without credentials on another host, run merino stop there, or send it SIGTERM.
${DISCOVERY_DETAILS}
${CREDENTIALS_DETAILS}

Exit codes: 0 the worker has agreed to end, 1 it cannot be reached or refuses, 2 the uid fits no worker or
more than one, or an option is wrong.

Examples:
  merino stop 3f2a --discovery local:thumbs
  merino stop 3f2a9c70-52b1-4b0e-9a57-0c1f6f1f2d11 --discovery lan:thumbs --grace 0`;

/** Makes the command. */
export function stopCommand(terminal: Terminal): Command {
  const command = new Command("stop")
    .summary("ask a worker to end")
    .description("Asks a worker to let its calls finish and to end.")
    .argument("<uid>", "the worker's uid, or enough of its first characters to fit one worker only", parseUid)
    .addOption(discoveryOption().makeOptionMandatory())
    .addOption(waitOption())
    .addOption(
      new Option("--grace <ms>", "how long calls under way may take; 0 aborts them, Infinity sets no limit")
        .default(60_000)
        .argParser(parseTimeLimit),
    );
  return addCredentialsOptions(command)
    .addHelpText("after", DETAILS)
    .action(async (uid: string, { discovery, wait, grace, ...options }: StopCommandOptions) => {
      const credentials = credentialsOf(options);
      const worker = await findWorker(discovery, uid, { wait, trust: trustOf(credentials) });
      try {
        await stopWorker(worker, { graceMs: grace, credentials });
      } catch (error) {
        throw new CommandFailure(`Cannot stop worker '${worker.uid}': ${errorText(error)}`, {
          exitCode: ExitCode.FAILED,
          cause: error,
        });
      }
      say(terminal, `worker ${worker.uid} (${worker.address}, pid ${worker.pid}) is ending`);
    });
}

async function findWorker(
  { discovery, text, waitMs }: DiscoveryArgument,
  uid: string,
  { wait, trust }: { readonly wait: number | undefined; readonly trust: Trust | undefined },
): Promise<WorkerMetadata> {
  // A whole uid ends the wait. Whether first characters fit one worker only is known when the wait is over.
  const workers = await seenWorkers(discovery, wait ?? waitMs, {
    trust,
    enough: (worker) => worker.uid === uid,
  });
  const matching = workers.filter((worker) => worker.uid.startsWith(uid));
  const worker = workers.find((candidate) => candidate.uid === uid) ?? matching[0];
  if (worker === undefined) {
    throw usageFailure(
      `No worker in '${text}' has a uid that begins with '${uid}'. It knows ${workers.length} in all; 'merino ls' lists them`,
    );
  }
  if (matching.length > 1 && worker.uid !== uid) {
    const uids = matching.map((candidate) => candidate.uid).join(", ");
    throw usageFailure(`More than one worker in '${text}' has a uid that begins with '${uid}': ${uids}`);
  }
  return worker;
}

function parseUid(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected 1 to 64 letters, digits, '_' or '-'.");
}

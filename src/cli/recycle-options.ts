/** The options of the command `worker` that say when its workers are ended and started anew. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ResolvedRecycleOptions, resolveRecycle } from "../process/recycle/recycle-options.ts";
import { parseCount, parsePositiveTimeLimit } from "./arguments.ts";
import { usageFailure } from "./terminal.ts";

/** The options as they are typed. */
export interface RecycleCommandOptions {
  readonly recycleCalls?: number;
  readonly recycleAge?: number;
  readonly recycleMemory?: number;
  readonly recycleJitter?: number;
}

/** Adds them to a command. */
export function addRecycleOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--recycle-calls <number>",
        "end the worker in order, and start another, after so many calls (default: never)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option("--recycle-age <ms>", "the same after so long (default: never)").argParser(
        parsePositiveTimeLimit,
      ),
    )
    .addOption(
      new Option(
        "--recycle-memory <bytes>",
        "the same once it has so many bytes in memory (default: never)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--recycle-jitter <part>",
        "by which part of these limits it may be sooner, from 0 to 1 (default: 0.2)",
      ).argParser(parsePart),
    );
}

/**
 * What they say, checked.
 *
 * @returns Undefined: workers are never started anew.
 */
export function recycleOf(options: RecycleCommandOptions): ResolvedRecycleOptions | undefined {
  const { recycleCalls: calls, recycleAge: age, recycleMemory: memory, recycleJitter: jitter } = options;
  if (calls !== undefined || age !== undefined || memory !== undefined) {
    return resolveRecycle({ calls, age, memory, jitter });
  }
  if (jitter === undefined) return undefined;
  throw usageFailure(
    "--recycle-jitter: there is no limit that it could vary; give it with --recycle-calls, --recycle-age or --recycle-memory",
  );
}

function parsePart(text: string): number {
  const part = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (part >= 0 && part <= 1) return part;
  throw new InvalidArgumentError("Expected a part, from 0 to 1.");
}

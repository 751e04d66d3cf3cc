/** The options of commands for the credentials with which they talk to others over networks, and what they stand for. */
import { type Command, Option } from "commander";
import { WorkerCredentials } from "../credentials/worker-credentials.ts";
import { isMerinoError } from "../errors/merino-error.ts";
import { usageFailure } from "./terminal.ts";

/** As they are given. */
export interface CredentialsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly oneWay: boolean;
  readonly peer: readonly string[];
  /** Of commands that serve. */
  readonly identity?: string;
}

/** A part of the help of each command that has them. */
export const CREDENTIALS_DETAILS = `
Credentials are PEM files: --ca has the authorities that this side believes, --cert its own certificate, with
those between it and the authority behind it, and --key its key. With them connections over networks are
encrypted, and both sides are verified. Files that are replaced are read again.`;

/** Adds the options to a command. */
export function addCredentialsOptions(command: Command): Command {
  return command
    .option("--ca <file>", "certificates of the authorities that are believed, in PEM")
    .option("--cert <file>", "certificate of this side, in PEM; its chain may follow")
    .option("--key <file>", "private key of that certificate, in PEM")
    .option("--one-way", "only the worker presents a certificate, and callers are not verified", false)
    .addOption(
      new Option(
        "--peer <identity>",
        "accept only others whose certificate presents this name, as api.example, *.jobs.example or spiffe://farm/*; repeatable",
      )
        .default([] as readonly string[], "any name")
        .argParser((text: string, earlier: readonly string[]) => [...earlier, text]),
    );
}

/**
 * Reads the files.
 *
 * @returns Undefined if none is named. They are followed: what takes their place is used for new connections.
 * @throws CommandFailure that says which of them cannot be used, and why.
 */
export function credentialsOf(options: CredentialsOptions): WorkerCredentials | undefined {
  const { ca, cert, key, oneWay, peer, identity } = options;
  const given = [ca, cert, key, identity].some((value) => value !== undefined) || peer.length > 0 || oneWay;
  if (!given) return undefined;
  try {
    return WorkerCredentials.watch({
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      mutual: !oneWay,
      ...(identity !== undefined && { identity }),
      ...(peer.length > 0 && { peers: peer }),
    });
  } catch (error) {
    if (!isMerinoError(error)) throw error;
    throw usageFailure(error.message);
  }
}

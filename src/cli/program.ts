/** The `merino` command as a whole: its subcommands, and how its endings become exit codes. It never ends the process. */
import { Command, CommanderError } from "commander";
import { isMerinoError } from "../errors/merino-error.ts";
import { asError, errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { version } from "../wire/version.ts";
import { certsCommand } from "./certs/certs-command.ts";
import { doctorCommand } from "./doctor-command.ts";
import { lsCommand } from "./ls-command.ts";
import { stopCommand } from "./stop-command.ts";
import { CommandFailure, ExitCode, guarded, say, type Terminal } from "./terminal.ts";
import { workerCommand } from "./worker-command.ts";

/** Help is the documentation: the same text everywhere, whatever the terminal's width. */
const HELP_WIDTH = 110;

/**
 * Makes the command with all its subcommands.
 *
 * @param ended Told the exit code of a worker that has served.
 * @internal for the generated documents as well
 */
export function createProgram(terminal: Terminal, ended: (exitCode: number) => void = () => {}): Command {
  const program = new Command("merino")
    .description("Runs and looks after Merino workers that belong to no single program.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this text")
    .helpCommand("help [command]", "print the text of a command");
  for (const command of [
    workerCommand(terminal, ended),
    lsCommand(terminal),
    stopCommand(terminal),
    doctorCommand(terminal),
    certsCommand(terminal),
  ]) {
    program.addCommand(command);
  }
  for (const command of allCommands(program)) {
    command
      .helpOption("-h, --help", "print this text")
      .exitOverride()
      .configureHelp({ helpWidth: HELP_WIDTH })
      .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  }
  return program;
}

/** A command with all below it. */
function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/**
 * Runs a command line.
 *
 * @param words The words after the command's own name.
 * @returns The exit code; any error has been reported on the terminal.
 */
export async function runProgram(words: readonly string[], unguarded: Terminal): Promise<number> {
  const terminal = guarded(unguarded);
  let exitCode: number = ExitCode.OK;
  const program = createProgram(terminal, (code) => {
    exitCode = code;
  });
  keepAlive(); // the library's own connections and timers keep no process alive
  try {
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, terminal);
  } finally {
    letExit();
  }
}

function report(error: unknown, terminal: Terminal): number {
  // Commander has written its message already; asking for help or the version is no mistake.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  if (error instanceof CommandFailure) {
    if (error.message !== "") say(terminal, error.message);
    return error.exitCode;
  }
  if (isMerinoError(error)) {
    say(terminal, error.message);
    return error.code === "ERR_MERINO_INVALID_OPTION" ? ExitCode.USAGE : ExitCode.FAILED;
  }
  say(terminal, asError(error).stack ?? errorText(error));
  return ExitCode.FAILED;
}

#!/usr/bin/env node
/** The entry of the `merino` command: the process's own streams and its exit code, nothing else. */
import { runProgram } from "./program.ts";

// Errors of writing are ignored: a program that reads the output, such as `head`, may have ended. A worker goes on
// serving all the same, and still ends in order.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
const exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
// Ends the process itself, since a worker's modules may have left timers and sockets open; but only when both pipes have
// taken everything.
process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));

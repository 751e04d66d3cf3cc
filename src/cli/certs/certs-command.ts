/** `merino certs`: an authority and certificates for trying things out, as words on the command line. `issue.ts` makes them. */
import { isIP } from "node:net";
import { Command, InvalidArgumentError, Option } from "commander";
import { isDnsName } from "../../credentials/peers/identities.ts";
import type { Terminal } from "../terminal.ts";
import type { AuthorityOptions, IssueOptions } from "./issue.ts";

const MAX_DAYS = 36_500;

const INIT_DETAILS = `
It writes ca.pem, which everybody gets, and ca-key.pem, which stays where certificates are issued: whoever has
it can be anybody. Files that are there already are left alone without --force; certificates of an
authority that is replaced are worth nothing any more.

Exit codes: 0 done, 1 a file cannot be written, 2 wrong options, or the files are there already.

Examples:
  merino certs init
  merino certs init --dir /etc/merino --days 365`;

const ISSUE_DETAILS = `
It writes <name>.pem and <name>-key.pem beside the authority that 'merino certs init' has made there. The
certificate is for workers and for callers. It bears the name, if that is a host's or an address, and
what --dns, --ip and --spiffe add to it.

Callers verify a worker by the address that they call, which --ip or --dns has to name, or by what the worker
says with --identity, wherever it runs.

Exit codes: 0 done, 1 there is no authority or a file cannot be written, 2 wrong options, or the files are there
already.

Examples:
  merino certs issue worker-1
  merino certs issue worker-1 --ip 10.0.0.5 --days 7 --force
  merino certs issue api --spiffe spiffe://farm/api`;

/** Makes the command with its subcommands. */
export function certsCommand(terminal: Terminal): Command {
  return new Command("certs")
    .helpCommand("help [command]", "print the text of a command")
    .summary("make certificates to try mutual TLS with")
    .description(
      "Makes an authority of your own, and certificates, for development and small private networks.",
    )
    .addCommand(initCommand(terminal))
    .addCommand(issueCommand(terminal));
}

function initCommand(terminal: Terminal): Command {
  return new Command("init")
    .summary("make an authority")
    .description("Makes an authority, which issues certificates that everybody with its ca.pem believes.")
    .addOption(dirOption())
    .addOption(daysOption(3_650))
    .option("--force", "replace the files that are there", false)
    .addHelpText("after", INIT_DETAILS)
    .action(async (options: AuthorityOptions) => {
      const { initAuthority } = await import("./issue.ts"); // most commands need it for nothing
      terminal.out(await initAuthority(options));
    });
}

function issueCommand(terminal: Terminal): Command {
  return new Command("issue")
    .summary("issue a certificate to a worker or a caller")
    .description("Issues a certificate to a worker or a caller.")
    .argument("<name>", "what it is for: the name of a host or a service, or an address", parseName)
    .addOption(
      repeatable(
        "--dns <name>",
        "a further name of the host, such as worker.example or *.jobs.example; repeatable",
        parseDns,
      ),
    )
    .addOption(repeatable("--ip <address>", "an address by which it is called; repeatable", parseIp))
    .addOption(
      new Option("--spiffe <uri>", "its SPIFFE ID, such as spiffe://farm/worker").argParser(parseSpiffe),
    )
    .addOption(daysOption(90))
    .addOption(dirOption())
    .option("--force", "replace the files that are there", false)
    .addHelpText("after", ISSUE_DETAILS)
    .action(async (name: string, options: IssueOptions) => {
      const { issueCertificate } = await import("./issue.ts");
      terminal.out(await issueCertificate(name, options));
    });
}

function dirOption(): Option {
  return new Option("--dir <path>", "folder of the authority and its certificates").default("certs");
}

function daysOption(days: number): Option {
  return new Option("--days <number>", "how long it is valid").default(days).argParser((text) => {
    const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= MAX_DAYS) return value;
    throw new InvalidArgumentError(`Expected a number from 1 to ${MAX_DAYS}.`);
  });
}

function repeatable(flags: string, description: string, parse: (text: string) => string): Option {
  return new Option(flags, description)
    .default([] as readonly string[], "none")
    .argParser((text: string, earlier: readonly string[]) => [...earlier, parse(text)]);
}

/** A name becomes that of files, of which some are the authority's. */
function parseName(text: string): string {
  const isName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(text) || isIP(text) !== 0;
  if (isName && !text.includes("%") && !text.endsWith("-key") && text.toLowerCase() !== "ca") return text;
  throw new InvalidArgumentError(
    "Expected an address, or at most 63 letters, digits, '-', '.' and '_'; neither 'ca' nor one that ends with '-key'.",
  );
}

function parseDns(text: string): string {
  const name = text.toLowerCase();
  if (isDnsName(name)) return name;
  throw new InvalidArgumentError("Expected a host's name, as in worker.example or *.jobs.example.");
}

function parseIp(text: string): string {
  if (isIP(text) !== 0 && !text.includes("%")) return text;
  throw new InvalidArgumentError("Expected an IPv4 or IPv6 address.");
}

/** @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, section 2 */
function parseSpiffe(text: string): string {
  const segments = text.slice("spiffe://".length).split("/").slice(1);
  if (
    /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)+$/.test(text) &&
    text.length <= 2_048 &&
    !segments.some((segment) => segment === "." || segment === "..")
  ) {
    return text;
  }
  throw new InvalidArgumentError("Expected a SPIFFE ID with a path, as in spiffe://farm/worker.");
}

/** `merino worker`: the options of a network worker on the command line. `supervisor.ts` runs the workers. */
import { Command, InvalidArgumentError, Option } from "commander";
import { resolveAllowedPeers } from "../credentials/peers/allowed-peers.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { IdentityMapping } from "../host/modules/identity-map.ts";
import { errorText } from "../internal/error-text.ts";
import {
  MAX_PORT,
  type NetworkOptions,
  parseEndpoint,
  resolveNetworkOptions,
} from "../process/network-options.ts";
import { LEAST_MESSAGES } from "../session/memory/limits.ts";
import { ownBuild } from "../wire/build.ts";
import {
  CHANNEL_OPTION_NAMES,
  type ChannelOptions,
  DEFAULT_CHANNEL_OPTIONS,
} from "../wire/channel-options.ts";
import {
  asArgument,
  collectExtra,
  collectMapping,
  collectModule,
  collectResource,
  collectTag,
  parseBuild,
  parseCount,
  parseKeepalive,
  parseModule,
  parsePort,
  parsePositiveTimeLimit,
  parseReservation,
  parseTimeLimit,
  parseWorkers,
} from "./arguments.ts";
import {
  addCredentialsOptions,
  CREDENTIALS_DETAILS,
  type CredentialsOptions,
  credentialsOf,
} from "./credentials-options.ts";
import { DISCOVERY_DETAILS, type DiscoveryArgument, parsePublishedDiscovery } from "./discovery-argument.ts";
import { addRecycleOptions, type RecycleCommandOptions, recycleOf } from "./recycle-options.ts";
import { type Terminal, usageFailure } from "./terminal.ts";

/** The options as they are typed. */
interface WorkerCommandOptions extends CredentialsOptions, RecycleCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly advertise?: string;
  readonly health?: string;
  readonly insecure: boolean;
  readonly discovery: DiscoveryArgument | "none";
  readonly tag: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly build?: string;
  readonly resource: Readonly<Record<string, number>>;
  readonly maxReservation?: number;
  readonly maxConcurrentCalls?: number;
  readonly maxMessageSize?: number;
  readonly maxHeldBytes?: number;
  readonly keepaliveTime?: number;
  readonly keepaliveTimeout?: number;
  readonly idleTimeout?: number;
  readonly warm: readonly string[];
  readonly workers?: number;
  readonly grace: number;
  readonly accept?: string;
  readonly allow: Readonly<Record<string, readonly string[]>>;
  readonly rules?: string;
  readonly stopAllow: readonly string[];
  readonly map: readonly IdentityMapping[];
  readonly otel: boolean;
}

const DETAILS = `
The worker imports the modules, serves the routines that they declare or export, and no others: callers never
cause it to import anything. A module may have none and only set something up; one of them has to have one.
TypeScript modules run by the tsx that is installed beside them; without it by Node itself, from 22.18 on, if
they have no enums or the like and name each other as './x.ts'. Else the command ends, and says what to install.

When it serves, it prints its address on a line of its own on standard output; everything else it says goes to
standard error. With --discovery it announces itself there, and retracts the announcement before it ends.
Workers do not change DNS: with dns:<name>:<port> the worker only knows where its tasks find other workers.

A routine that calls another reaches the workers of its caller's pool. For callers over the network it does so
through the --discovery named here and no other; of a pool with DnsDiscovery the name, the port and the servers
must be the same, and how often it asks need not.
${DISCOVERY_DETAILS}

SIGTERM, SIGINT and SIGHUP end it in order: it is retracted from discovery, refuses new calls, waits for those
under way at most --grace, and exits with code 0. A second signal ends it at once. Both hold also while a
routine blocks the worker, which is a process of its own: that of the command starts it, and it ends with that.

With --workers each worker that ends without having been asked to is replaced, after a pause that grows from
0.1 to 30 seconds while that goes on, and the new one prints its address. With a fixed --port each worker has a
port of its own: that one and those after it, and with --health in the same way. Without --workers the command
ends as its only worker does, for a service manager to start it again.

With --recycle-calls, --recycle-age or --recycle-memory a worker that may have leaked is ended in order, as by
a signal, and the command starts another in its place, also without --workers. With --workers they take turns:
one at a time, and further ones only while half of them serve.

Health is gRPC's own service, grpc.health.v1.Health, for the worker as a whole (the empty name) and for
wool.runtime.protobuf.wire.Worker: SERVING, and from when it is told to end NOT_SERVING. It is told where the
worker is called, to those who may call it. On the address of --health anybody is told, and of nothing else.

With --otel calls have spans and metrics, as the module merino/opentelemetry/register makes them: it takes the
packages @opentelemetry/api and @opentelemetry/sdk-node beside this one, and the environment variables of the
SDK, such as OTEL_SERVICE_NAME and OTEL_EXPORTER_OTLP_ENDPOINT.

Without credentials and without --insecure it listens on this host only (127.0.0.1, ::1, localhost). Whoever can
reach an insecure worker can call its routines, without encryption: use --insecure in networks you trust.
${CREDENTIALS_DETAILS}

Exit codes: 0 ended as asked, 1 failed (a module cannot be imported or has no routine, the address is taken),
2 wrong options, 128 + n ended by a second signal n; that of a worker that crashes once it is to end, and
without --workers of one that ends by itself, 128 + n if signal n has ended it.

Examples:
  merino worker ./jobs.js --discovery local:thumbs
  merino worker ./jobs.js --discovery local:thumbs --workers 4
  merino worker ./jobs.js --host 0.0.0.0 --insecure --discovery lan:thumbs --tag gpu
  merino worker ./dist/jobs.js --map dist=src --idle-timeout 600000`;

/** Makes the command. It sets the exit code when the worker has ended. */
export function workerCommand(terminal: Terminal, ended: (exitCode: number) => void): Command {
  const command = new Command("worker")
    .summary("serve the routines of some modules over the network")
    .description("Serves the routines of some modules to callers on this host and others.")
    .argument("<modules...>", "paths of the modules that declare the routines", collectModule)
    .addOption(
      new Option("--host <address>", "address to listen on; 0.0.0.0 or :: for all").default("127.0.0.1"),
    )
    .addOption(
      new Option("--port <number>", "port to listen on; 0 for any free one").default(0).argParser(parsePort),
    )
    .option(
      "--advertise <host[:port]>",
      "host name or address that callers use, and the port if it is another one (default: those listened on)",
    )
    .option(
      "--health <address:port>",
      "address and port on which it tells of its health besides, without TLS and to anybody: for probes of Kubernetes and their kind",
    )
    .option("--insecure", "allow listening beyond this host without credentials", false)
    .option(
      "--identity <name>",
      "name of its certificate by which callers verify it (default: the host that they dial)",
    )
    .addOption(
      new Option(
        "--discovery <where>",
        "where to announce it: local:<namespace>, lan:<namespace> or none; dns:<name>:<port> announces nothing",
      )
        .default("none" as const)
        .argParser(parsePublishedDiscovery),
    )
    .addOption(repeatable("--tag <text>", "tag by which callers choose workers; repeatable", collectTag, []))
    .addOption(
      repeatable("--extra <key=value>", "entry in the worker's record; repeatable", collectExtra, {}),
    )
    .addOption(
      new Option(
        "--build <text>",
        "which build of its program it runs, for callers that choose by it (default: the environment variable MERINO_BUILD)",
      ).argParser(parseBuild),
    )
    .addOption(
      repeatable(
        "--resource <name=amount>",
        "what each worker has that routines can need, as in gpu=1; repeatable",
        collectResource,
        {},
      ),
    )
    .addOption(
      new Option(
        "--max-reservation <ms>",
        "the longest time for which callers may reserve resources; 0 for none (default: 600000)",
      ).argParser(parseReservation),
    )
    .addOption(
      new Option(
        "--max-concurrent-calls <number>",
        `calls that one caller sends at a time; nested ones do not count (default: ${DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls})`,
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--max-message-size <bytes>",
        `largest message accepted (default: ${DEFAULT_CHANNEL_OPTIONS.maxMessageSize})`,
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--max-held-bytes <bytes>",
        "what all callers on the network together may make it hold; at least three of the largest messages (default: 512 MiB, or a quarter of its memory)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--keepalive-time <ms>",
        `silence on a network connection after which callers probe it (default: ${DEFAULT_CHANNEL_OPTIONS.keepaliveTime})`,
      ).argParser(parseKeepalive),
    )
    .addOption(
      new Option(
        "--keepalive-timeout <ms>",
        `how long a probe may stay unanswered before the connection counts as lost (default: ${DEFAULT_CHANNEL_OPTIONS.keepaliveTimeout})`,
      ).argParser(parseKeepalive),
    )
    .addOption(
      new Option(
        "--workers <number>",
        "keep so many worker processes running, starting another for each that crashes; 0 for as many as there are CPUs (default: one, with whose end the command ends)",
      ).argParser(parseWorkers),
    )
    .addOption(
      repeatable(
        "--warm <name>",
        "value of perWorker() in the modules that it makes before it serves, by its name or identity; repeatable",
        collectTag,
        [],
      ),
    )
    .addOption(
      new Option("--idle-timeout <ms>", "end after so long without a call (default: never)").argParser(
        parsePositiveTimeLimit,
      ),
    )
    .addOption(
      new Option(
        "--grace <ms>",
        "how long calls under way may take when the worker is told to end; Infinity for no limit",
      )
        .default(60_000)
        .argParser(parseTimeLimit),
    )
    .addOption(
      new Option(
        "--accept <module>",
        "module with a function, exported as accept or by default, that decides about every call: accept({ inFlight, task }) => boolean",
      ).argParser(parseModule),
    )
    .addOption(
      repeatable(
        "--allow <routine=identity>",
        "who may call what over the network, as 'jobs/*=spiffe://farm/api'; with any, what none names is refused; repeatable",
        collectAllowed,
        {},
      ),
    )
    .addOption(
      new Option(
        "--rules <module>",
        "module with further rules, exported as rules or by default: an array of { routine, allow }",
      ).argParser(parseModule),
    )
    .addOption(
      repeatable(
        "--stop-allow <identity>",
        "who may stop the worker over the network, by its certificate; repeatable",
        collectTag,
        [],
      ),
    )
    .addOption(
      repeatable(
        "--map <from=to>",
        "serve callers that run <to> with the modules in <from>, and the reverse, as in dist=src; repeatable",
        collectMapping,
        [],
      ),
    )
    .option("--otel", "make spans and metrics of calls with OpenTelemetry, and send them", false);
  return addCredentialsOptions(addRecycleOptions(command))
    .addHelpText("after", DETAILS)
    .action(async (modules: readonly string[], options: WorkerCommandOptions) => {
      const { discovery } = options;
      const credentials = credentialsOf(options);
      const network = parseNetwork(options, { trusted: credentials !== undefined });
      // Loaded now: --help and mistakes need none of it.
      const { superviseWorkers } = await import("./supervisor.ts");
      ended(
        await superviseWorkers(
          {
            workers: options.workers,
            modules,
            network,
            credentials,
            discovery: discovery === "none" ? undefined : discovery.discovery,
            tags: options.tag,
            extra: options.extra,
            build: options.build ?? environmentBuild(),
            resources: options.resource,
            maxReservationMs: options.maxReservation,
            channel: channelOptions(options),
            maxHeldBytes: parseHeldBytes(options),
            idleTimeoutMs: options.idleTimeout,
            recycle: recycleOf(options),
            warm: options.warm,
            graceMs: options.grace,
            accept: options.accept,
            allow: options.allow,
            rules: options.rules,
            stopAllow: options.stopAllow,
            mappings: options.map,
            otel: options.otel,
          },
          terminal,
        ),
      );
    });
}

/** Refuses a variable that the worker could not say, before it is started. */
function environmentBuild(): string | undefined {
  try {
    return ownBuild();
  } catch (error) {
    throw usageFailure(errorText(error));
  }
}

/** The transport settings among the options; those not given keep their defaults. */
function channelOptions(options: WorkerCommandOptions): ChannelOptions {
  const given = CHANNEL_OPTION_NAMES.map((name) => [name, options[name]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Refuses a budget in which the largest messages find no room. */
function parseHeldBytes({ maxHeldBytes, maxMessageSize }: WorkerCommandOptions): number | undefined {
  const least = LEAST_MESSAGES * (maxMessageSize ?? DEFAULT_CHANNEL_OPTIONS.maxMessageSize);
  if (maxHeldBytes === undefined || maxHeldBytes >= least) return maxHeldBytes;
  throw usageFailure(
    `--max-held-bytes: ${maxHeldBytes} is less than three of the largest messages (${least}); raise it, or lower --max-message-size`,
  );
}

/** Refuses addresses on which the worker cannot listen, before any module is imported. */
function parseNetwork(
  options: WorkerCommandOptions,
  { trusted }: { readonly trusted: boolean },
): NetworkOptions {
  const { host, port, advertise, health, insecure, workers = 1 } = options;
  if (port + workers - 1 > MAX_PORT) {
    throw usageFailure(
      `--port: ${workers} workers need the ports from ${port} on, and there are none above ${MAX_PORT}; give a lower one, or 0 for any free ones`,
    );
  }
  if (workers > 1 && advertise !== undefined && parseEndpoint(advertise)?.port !== undefined) {
    throw usageFailure(
      `--advertise: ${workers} workers cannot all be reached at '${advertise}'; give the host alone, or start the command once for each worker`,
    );
  }
  try {
    return resolveNetworkOptions({ host, port, advertise, health, insecure }, { trusted, workers });
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    if (error.option !== "insecure") throw usageFailure(`--${error.option}: ${error.message}`);
    if (trusted) {
      throw usageFailure(
        "--insecure: credentials already say who may call the worker; leave it out, or leave out --ca, --cert and --key",
      );
    }
    throw usageFailure(
      `Cannot listen on '${host}' without credentials: anybody who reaches the port could call the worker; give it --ca, --cert and --key (see 'merino certs'), add --insecure if you trust that network, or listen on 127.0.0.1`,
    );
  }
}

/** An option whose values are collected, and whose empty default is not worth a mention. */
function repeatable<T>(
  flags: string,
  description: string,
  collect: (text: string, earlier: T) => T,
  none: T,
): Option {
  const option = new Option(flags, description).argParser(collect);
  option.default(none, "none");
  return option;
}

/** Who may call which routine. What stands behind the first `=` is the identity. */
function collectAllowed(
  text: string,
  earlier: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, readonly string[]>> {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1)
    throw new InvalidArgumentError("Expected routine=identity, as in --allow 'jobs/*=spiffe://farm/api'.");
  const [routine, identity] = [text.slice(0, at), text.slice(at + 1)];
  asArgument(() => resolveAllowedPeers("allow", [identity]));
  const present = Object.hasOwn(earlier, routine) ? (earlier[routine] ?? []) : [];
  return { ...earlier, [routine]: [...present, identity] };
}

/**
 * `merino doctor`: describes this side, and says of each worker it sees whether a pool here would admit it. It
 * changes nothing.
 */
import { Command, Option } from "commander";
import { findControlSocket } from "../client/control-socket.ts";
import { judgeAdmission } from "../client/membership/admission.ts";
import { sameBuild } from "../client/membership/build-rule.ts";
import type { Trust } from "../credentials/trust.ts";
import { trustOf } from "../credentials/trust-of.ts";
import { type HandshakeReason, handshakeReason } from "../errors/handshake-error.ts";
import { errorText } from "../internal/error-text.ts";
import { shownBriefly } from "../internal/shown-text.ts";
import { workerAccess } from "../transport/grpc/unary.ts";
import { hostId } from "../transport/unix/host-id.ts";
import { runtimeDirectory, socketDirectory } from "../transport/unix/runtime-directory.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import type { RoutineAccess } from "../wire/messages/access-messages.ts";
import { version, WIRE_CODEC } from "../wire/version.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { parseBuild } from "./arguments.ts";
import {
  addCredentialsOptions,
  CREDENTIALS_DETAILS,
  type CredentialsOptions,
  credentialsOf,
} from "./credentials-options.ts";
import { DISCOVERY_DETAILS, type DiscoveryArgument, discoveryOption } from "./discovery-argument.ts";
import { waitOption } from "./ls-command.ts";
import { seenWorkers } from "./seen-workers.ts";
import { CommandFailure, ExitCode, type Terminal } from "./terminal.ts";
import { greetWorker } from "./worker-contact.ts";

interface DoctorCommandOptions extends CredentialsOptions {
  readonly discovery?: DiscoveryArgument;
  readonly wait?: number;
  readonly json: boolean;
  readonly as: readonly string[];
  readonly build?: string;
}

/** One thing that was looked at on this side. */
interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** The finding; or the fault and its remedy. */
  readonly detail: string;
}

/** One worker, as it was found. */
interface WorkerDiagnosis {
  readonly uid: string;
  readonly address: string;
  readonly version: string;
  /** Which build of its program it runs; null if it does not say. */
  readonly build: string | null;
  /** Whether it answered, as the worker that its record describes. */
  readonly reachable: boolean;
  /** Why a pool on this side would not admit it; null if it would. */
  readonly refused: { readonly reason: string; readonly detail: string } | null;
  /** Why it could not be reached; null if it could. */
  readonly problem: string | null;
  /** The same in one word, if it is for the credentials of either side. */
  readonly handshake: HandshakeReason | null;
  /** What the identities that were asked about may call; null if nobody asked, or it does not say. */
  readonly access: readonly RoutineAccess[] | null;
}

/** Everything found. */
interface Diagnosis {
  readonly version: string;
  readonly node: string;
  readonly codec: string;
  readonly hostId: string;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly workers: readonly WorkerDiagnosis[];
}

const GREETING_MS = 5_000;

const DETAILS = `
It tells the version of this side and whether its directory for sockets is fit for use. With --discovery it also
takes every worker that is announced there, connects to it, and judges it as a pool with the same credentials or
none, and without a filter, would: another major version, no common codec, or another security would keep it
out. With --build so would another build, as of a pool with build: "same" in a program of that build. Room in
the pool (lease) is not part of it.

With --json it prints one object: version, node, codec, hostId, ok, checks [{ name, ok, detail }] and workers
[{ uid, address, version, build: text or null, reachable, refused: { reason, detail } or null, problem: text or
null, handshake: the same in one word, if it is for credentials, or null, access: [{ routine, permitted, rule }]
with --as, null without it and for workers that do not say }].
${DISCOVERY_DETAILS}
${CREDENTIALS_DETAILS}

Exit codes: 0 all is well, 1 something is wrong: a check, a worker, or no worker at all; 2 wrong options.

Examples:
  merino doctor
  merino doctor --discovery lan:thumbs
  merino doctor --discovery local:thumbs --json`;

/** Makes the command. */
export function doctorCommand(terminal: Terminal): Command {
  const command = new Command("doctor")
    .summary("find out why workers are not used")
    .description("Finds out why workers are not used: versions, addresses, which would be refused and why.")
    .addOption(discoveryOption())
    .addOption(waitOption())
    .option("--json", "print JSON instead of text", false)
    .addOption(
      new Option(
        "--build <text>",
        'judge the workers as a program of this build with build: "same" does',
      ).argParser(parseBuild),
    )
    .addOption(
      new Option(
        "--as <identity>",
        "also say what a network caller with this identity may call, of workers on this host; repeatable",
      )
        .default([] as readonly string[], "not said")
        .argParser((text: string, earlier: readonly string[]) => [...earlier, text]),
    );
  return addCredentialsOptions(command)
    .addHelpText("after", DETAILS)
    .action(async (options: DoctorCommandOptions) => {
      const diagnosis = await diagnose(options);
      terminal.out(
        options.json
          ? `${JSON.stringify(diagnosis, undefined, 2)}\n`
          : describe(diagnosis, { asked: options.as.length > 0 }),
      );
      // The report says what is wrong; the exit code is for scripts.
      if (!diagnosis.ok) throw new CommandFailure("", { exitCode: ExitCode.FAILED });
    });
}

async function diagnose({
  discovery,
  wait,
  as,
  build,
  ...options
}: DoctorCommandOptions): Promise<Diagnosis> {
  const trust = trustOf(credentialsOf(options));
  const checks = checkThisSide();
  let workers: readonly WorkerDiagnosis[] = [];
  if (discovery !== undefined) {
    const { check, seen } = await look(discovery, { waitMs: wait ?? discovery.waitMs, trust });
    checks.push(check);
    workers = await Promise.all(seen.map((worker) => examine(worker, { trust, as, build })));
  }
  const ok =
    checks.every((check) => check.ok) &&
    workers.every(({ reachable, refused }) => reachable && refused === null);
  return { version, node: process.version, codec: WIRE_CODEC, hostId: hostId(), ok, checks, workers };
}

function checkThisSide(): Check[] {
  return [
    attempt("runtime directory", runtimeDirectory),
    attempt("socket directory", () => {
      const directory = socketDirectory();
      socketPath();
      return directory;
    }),
  ];
}

function attempt(name: string, find: () => string): Check {
  try {
    return { name, ok: true, detail: find() };
  } catch (error) {
    return { name, ok: false, detail: errorText(error) };
  }
}

async function look(
  { discovery, text }: DiscoveryArgument,
  { waitMs, trust }: { readonly waitMs: number; readonly trust: Trust | undefined },
): Promise<{ readonly check: Check; readonly seen: readonly WorkerMetadata[] }> {
  try {
    const seen = await seenWorkers(discovery, waitMs, { trust });
    const detail = `${text}: ${seen.length === 0 ? "no worker" : seen.length} seen within ${waitMs} ms`;
    return { check: { name: "discovery", ok: seen.length > 0, detail }, seen };
  } catch (error) {
    return { check: { name: "discovery", ok: false, detail: `${text}: ${errorText(error)}` }, seen: [] };
  }
}

async function examine(
  worker: WorkerMetadata,
  {
    trust,
    as,
    build,
  }: {
    readonly trust: Trust | undefined;
    readonly as: readonly string[];
    readonly build: string | undefined;
  },
): Promise<WorkerDiagnosis> {
  const secure = trust !== undefined;
  const refusal = judgeAdmission(worker, {
    version,
    secure,
    hostId: hostId(),
    filter: undefined,
    build: build === undefined ? undefined : sameBuild(build),
  });
  const failure: unknown = await greetWorker(worker, { trust, timeoutMs: GREETING_MS }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const problem = failure === undefined ? null : errorText(failure);
  return {
    uid: worker.uid,
    address: worker.address,
    version: worker.version,
    build: worker.build ?? null,
    reachable: problem === null,
    refused: refusal === undefined ? null : { reason: refusal.reason, detail: refusal.detail },
    problem,
    handshake: handshakeReason(failure) ?? null,
    access: as.length === 0 ? null : await accessOf(worker, as),
  };
}

/** A worker's rules are told to its own user only, at its control socket. */
async function accessOf(
  worker: WorkerMetadata,
  identities: readonly string[],
): Promise<readonly RoutineAccess[] | null> {
  const how = { timeoutMs: GREETING_MS, signal: new AbortController().signal };
  const socket = await findControlSocket(worker, how);
  if (socket === undefined) return null;
  return workerAccess(`unix:${socket}`, identities, how).catch(() => null);
}

function describe({ checks, workers, ...side }: Diagnosis, { asked }: { readonly asked: boolean }): string {
  const lines = [
    `merino ${side.version}, codec ${side.codec}, Node ${side.node}, host ${side.hostId}`,
    ...checks.map(({ name, ok, detail }) => `${mark(ok)} ${name}: ${detail}`),
  ];
  for (const { uid, address, version: theirs, build, reachable, refused, problem, access } of workers) {
    lines.push(
      `${mark(reachable && refused === null)} worker ${uid} at ${address}, version ${theirs}${build === null ? "" : `, build ${build}`}`,
    );
    if (refused !== null) lines.push(`     would be refused (${refused.reason}): ${refused.detail}`);
    if (problem !== null) lines.push(`     cannot be reached: ${problem}`);
    if (asked && access === null)
      lines.push("     does not tell its rules: it is not this user's, or not on this host");
    for (const { routine, permitted, rule } of access ?? [])
      lines.push(`     ${permitted ? "may call" : "may not call"} ${routine}: ${rule}`);
  }
  return lines.map((line) => `${shownBriefly(line)}\n`).join("");
}

function mark(ok: boolean): string {
  return ok ? "ok  " : "FAIL";
}

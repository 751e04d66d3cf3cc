/** One trace over several hosts: a caller, a worker that it calls, and a worker on another host that this one calls. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { type NetworkHost, useHosts } from "../../support/network-namespaces.ts";
import type { ReceivedSpan } from "../../support/otlp-receiver.ts";
import { ROOT_ONLY } from "../../support/root-only.ts";
import { watchProgram } from "../../support/run-example.ts";
import type { Seen } from "./fixtures/traced-routines.ts";

const RECEIVER = fileURLToPath(new URL("./fixtures/receiver.ts", import.meta.url));
const CALLER = fileURLToPath(new URL("./fixtures/hop-caller.ts", import.meta.url));
const MODULES = {
  first: fileURLToPath(new URL("./fixtures/hop-first.ts", import.meta.url)),
  last: fileURLToPath(new URL("./fixtures/hop-last.ts", import.meta.url)),
} as const;
const MERINO = fileURLToPath(new URL("../../../dist/cli/merino.js", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SERVER = 2;
const CLIENT = 3;

type Environment = Readonly<Record<string, string>>;

/** What the caller prints. */
interface Printed {
  readonly first: Seen["task"];
  readonly last: Seen;
}

for (const { what, options, env: middle } of [
  { what: "a worker in the middle", options: ["--otel"], env: {} },
  { what: "a worker in the middle that has no SDK", options: [], env: undefined },
]) {
  test(`a trace goes from a caller over ${what} to another host`, ROOT_ONLY, async () => {
    await using network = await useHosts(3, { ipv6: false });
    const [caller, one, two] = [network.host(0), network.host(1), network.host(2)];
    const collector = caller.startNode([RECEIVER, caller.ipv4], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [shared] = (await once(collector, "message")) as [Environment];
    const env = { ...shared, OTEL_METRICS_EXPORTER: "none" };
    await using first = startWorker(one, "first", options, { ...env, ...middle });
    await using last = startWorker(two, "last", ["--otel"], env);
    await Promise.all([first, last].map((worker) => worker.shows(/:\d+\n/)));

    await using program = watchProgram(
      caller.startNode(["--import", "merino/opentelemetry/register", CALLER], {
        cwd: ROOT,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    assert.deepEqual([await program.ended, program.stderr], [0, ""]);
    const printed = JSON.parse(program.stdout) as Printed;

    const expected = middle === undefined ? 3 : 5;
    const spans = await eventually(
      async () => {
        collector.send("spans");
        const [received] = (await once(collector, "message")) as [ReceivedSpan[]];
        return received.length >= expected ? received : undefined;
      },
      { what: `${expected} spans have come` },
    );
    assert.equal(spans.length, expected);
    const of = (routine: string, kind: number) =>
      spans.find(({ name, kind: its }) => its === kind && name.endsWith(routine));
    const chain = [
      spans.find(({ name }) => name === "request"),
      of("first", CLIENT),
      ...(middle === undefined ? [] : [of("first", SERVER), of("last", CLIENT)]),
      of("last", SERVER),
    ];
    assert.deepEqual(
      chain.slice(1).map((span) => span?.parentSpanId),
      chain.slice(0, -1).map((span) => span?.spanId),
    );
    const { spanId, traceId } = chain.at(-1) ?? {};
    assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([traceId]));
    assert.deepEqual(printed.last, {
      task: { traceId, spanId, sampled: true },
      active: spanId,
      tenant: "acme",
    });
    assert.equal(printed.first?.traceId, traceId);
    assert.equal(of("first", CLIENT)?.attributes["server.address"], one.ipv4);
    assert.equal(of("first", CLIENT)?.attributes["network.transport"], "tcp");
    collector.disconnect();
  });
}

function startWorker(
  host: NetworkHost,
  tag: keyof typeof MODULES,
  options: readonly string[],
  env: Environment,
) {
  const where = ["--host", host.ipv4, "--insecure", "--discovery", "lan:traced", "--tag", tag];
  return watchProgram(
    host.startNode([MERINO, "worker", MODULES[tag], ...where, ...options], {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
}

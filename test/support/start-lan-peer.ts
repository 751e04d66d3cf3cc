/** A process on a host of a test network that announces workers by LanDiscovery and looks for them. */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type DiscoveryEvent, LanDiscovery, type LanDiscoveryOptions, type WorkerMetadata } from "merino";
import { eventually } from "./eventually.ts";
import type { NetworkHost } from "./network-namespaces.ts";

/** Such a process as the test sees it. Disposing kills it. */
export interface LanPeer extends AsyncDisposable {
  /** Its publisher's. */
  readonly bindHost: string | undefined;
  /** What it has seen, as `"added a"`, and the events themselves. */
  readonly log: readonly string[];
  readonly events: readonly DiscoveryEvent[];
  /** Warnings of Merino's, by their codes. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  /** Announces, changes or retracts a worker. Rejects with the error's text. */
  publish(type: DiscoveryEvent["type"], worker: WorkerMetadata): Promise<void>;
  /** Resolves once `count` events have been seen. */
  read(count: number, options?: { readonly withinMs?: number }): Promise<void>;
  /** Closes its publisher and its subscription, and waits for it to end by itself. */
  close(): Promise<void>;
  /** Kills it; resolves when it has gone. */
  kill(): Promise<void>;
}

/** What it uses. */
export interface LanPeerOptions extends LanDiscoveryOptions {
  readonly namespace: string;
}

type Report =
  | { readonly about: "ready"; readonly bindHost: string | undefined }
  | { readonly about: "event"; readonly event: DiscoveryEvent }
  | { readonly about: "warning"; readonly code: string; readonly message: string }
  | { readonly about: "published"; readonly error?: string };

/** Starts it. Resolves when it looks and can announce. */
export async function startLanPeer(host: NetworkHost, options: LanPeerOptions): Promise<LanPeer> {
  const child = host.startNode([fileURLToPath(import.meta.url), JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const events: DiscoveryEvent[] = [];
  const log: string[] = [];
  const warnings: { readonly code: string; readonly message: string }[] = [];
  const waiting: ((error: string | undefined) => void)[] = [];
  const early = exited.then(([code]) => Promise.reject(new Error(`The peer ended early, code ${code}`)));
  early.catch(() => {});
  const ready = new Promise<string | undefined>((resolve) => {
    child.on("message", (message) => {
      // It is this file that sends.
      const report = message as Report;
      if (report.about === "ready") resolve(report.bindHost);
      if (report.about === "published") waiting.shift()?.(report.error);
      if (report.about === "warning") warnings.push({ code: report.code, message: report.message });
      if (report.about !== "event") return;
      events.push(report.event);
      log.push(`${report.event.type.slice("worker-".length)} ${report.event.worker.uid}`);
    });
  });
  const bindHost = await Promise.race([ready, early]);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  return {
    bindHost,
    log,
    events,
    warnings,
    async publish(type, worker) {
      const published = new Promise<string | undefined>((resolve) => waiting.push(resolve));
      child.send({ type, worker });
      const error = await Promise.race([published, early]);
      if (error !== undefined) throw new Error(error);
    },
    async read(count, { withinMs = 10_000 } = {}) {
      await eventually(() => log.length >= count, {
        withinMs,
        what: `${count} events, have [${log.join(", ")}]`,
      });
    },
    async close() {
      child.send("close");
      await exited;
    },
    kill,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await kill();
    },
  };
}

async function main({ namespace, ...options }: LanPeerOptions): Promise<void> {
  const report = (message: Report): void => void process.send?.(message);
  process.on("warning", ({ name, message, ...warning }) => {
    if (name === "MerinoWarning")
      report({ about: "warning", code: String(Reflect.get(warning, "code")), message });
  });
  const discovery = new LanDiscovery(namespace, options);
  const publisher = discovery.publisher();
  const controller = new AbortController();
  const finished = (async () => {
    for await (const event of discovery.subscribe({ signal: controller.signal })) {
      report({ about: "event", event });
    }
  })();
  process.on("message", async (message: DiscoveryEvent | "close") => {
    if (message === "close") {
      controller.abort();
      await Promise.all([publisher.close(), finished]);
      process.disconnect();
      return;
    }
    try {
      await publisher.publish(message);
      report({ about: "published" });
    } catch (error) {
      report({ about: "published", error: String(error) });
    }
  });
  report({ about: "ready", bindHost: publisher.bindHost });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(JSON.parse(process.argv[2] ?? ""));
}

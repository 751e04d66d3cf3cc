/**
 * What a worker process runs: serves its Unix socket from the main thread, imports the modules of the
 * routines it is asked for, and ends with its parent.
 */
import { chdir } from "node:process";
import { hostId } from "../discovery/runtime-directory.ts";
import { becomeWorker } from "../internal/worker-role.ts";
import { processReferences } from "../routine/process-references.ts";
import { DEFAULT_LIMITS, FEATURES } from "../session/limits.ts";
import { listenUnix, type UnixListener } from "../transport/unix-connect.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../wire/channel-options.ts";
import { version, WIRE_CODEC } from "../wire/version.ts";
import { TaskServer } from "../worker/task-server.ts";
import { createModuleLoader } from "./module-loader.ts";
import { NestedProxies } from "./nested-proxies.ts";
import { connectParent } from "./parent-link.ts";
import { createRoutineLoader, explainSuspended } from "./routine-loader.ts";

/** How long tasks may take to answer the abort of their signals when the worker ends. */
const FAREWELL_MS = 500;

let listener: UnixListener | undefined;
let server: TaskServer | undefined;

const link = connectParent({
  drain: (except) => server?.drain(except),
  stop: () => {
    stop().then(
      () => link.exit(0),
      () => link.exit(1),
    );
  },
});

async function stop(): Promise<void> {
  // Closing takes until the last connection has gone, which is the server's to end: not awaited here.
  const closing = listener?.close();
  if (server !== undefined) {
    server.drain();
    server.abortAll(new DOMException("The worker is shutting down", "AbortError"));
    await Promise.race([server.idle(), new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))]);
    await nested.close();
    server.close();
  }
  await closing;
}

const nested = new NestedProxies((uid, culprit) => link.unresponsive(uid, culprit));

async function start(): Promise<void> {
  const { init } = link;
  const { uid, socketPath, tags, extra, options, entry, importTimeoutMs, cwd } = init;
  const loader = createModuleLoader({ entry, importTimeoutMs });
  becomeWorker({ uid, entry, onOpen: () => loader.onOpen() });
  if (cwd !== undefined && cwd !== process.cwd()) chdir(cwd);
  const limits = { ...DEFAULT_LIMITS, maxMessage: options.maxMessageSize ?? DEFAULT_LIMITS.maxMessage };
  const tasks = new TaskServer({
    hello: { session: 0, version, uid, runtime: "node", codecs: [WIRE_CODEC], features: FEATURES, limits },
    resolver: createRoutineLoader(loader),
    references: processReferences,
    origin: `worker ${process.pid} (${uid})`,
    maxRootCalls: 2 * (options.maxConcurrentCalls ?? DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls),
    nestedDispatcher: (descriptor) => nested.dispatcher(descriptor),
    explainError: (definition, error) => explainSuspended(loader, definition, error),
  });
  server = tasks;
  listener = await listenUnix(socketPath, { maxBatchBytes: DEFAULT_LIMITS.maxBatch }, (carrier) => {
    tasks.serve(carrier);
  });
  link.ready({
    uid,
    address: `unix:${socketPath}`,
    pid: process.pid,
    version,
    tags,
    extra,
    secure: true,
    options,
    runtime: "node",
    codecs: [WIRE_CODEC],
    socket: socketPath,
    hostId: hostId(),
  });
}

start().catch((error: unknown) => link.failed(error));

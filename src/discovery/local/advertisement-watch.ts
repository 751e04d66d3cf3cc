/**
 * Follows the advertisements of one namespace and reports what changes. Removes the files and sockets that dead
 * workers of this host left behind.
 *
 * Anything may have been put there: a file that is no advertisement is named once in a warning and skipped.
 */

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { isMerinoError } from "../../errors/merino-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { sweepFile } from "../../internal/remove-file.ts";
import { shownText } from "../../internal/shown-text.ts";
import { createThrottle } from "../../internal/time/throttle.ts";
import { warn } from "../../internal/warn.ts";
import { hostId } from "../../transport/unix/host-id.ts";
import { socketDirectory } from "../../transport/unix/runtime-directory.ts";
import { controlSocketPath } from "../../transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { DiscoveryEvent } from "../discovery.ts";
import { type Advertisement, AdvertisementDirectory } from "./advertisement-directory.ts";
import { DirectoryAlarm } from "./directory-alarm.ts";
import { isSocketServed } from "./is-socket-served.ts";

/** Longest time for which a lost event or a killed worker goes unnoticed. */
const POLL_INTERVAL_MS = 2_000;
/**
 * Workers whose process seems to live that are called on per poll. N workers that all watch one another would
 * otherwise make N² connections every two seconds.
 */
const CALLS_PER_POLL = 16;

const WARNING_INTERVAL_MS = 60_000;

interface Entry {
  readonly advertisement: Advertisement;
  /** Undefined: malformed, and a warning said so. */
  readonly worker: WorkerMetadata | undefined;
}

/** One run of a watch. */
export class AdvertisementWatch {
  readonly #directory: AdvertisementDirectory;
  readonly #report: (event: DiscoveryEvent) => void;
  /** By uid, as of the last scan. */
  readonly #entries = new Map<string, Entry>();
  /** Workers reported and not dropped since. */
  readonly #reported = new Map<string, WorkerMetadata>();
  #callsMade = 0;
  /** Warns of faults that may recur at every poll. */
  readonly #warnRarely = createThrottle((text) => warn("MERINO_DISCOVERY", text), {
    intervalMs: WARNING_INTERVAL_MS,
  });

  /** @param namespace Checked by the caller. */
  constructor(namespace: string, report: (event: DiscoveryEvent) => void) {
    this.#directory = new AdvertisementDirectory(namespace);
    this.#report = report;
  }

  /**
   * Reports workers and their changes until the signal fires, then cleans up.
   *
   * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION) if the runtime directory is not this user's own.
   */
  async run(signal: AbortSignal): Promise<void> {
    const alarm = new DirectoryAlarm(this.#directory.path, POLL_INTERVAL_MS);
    const onAbort = (): void => alarm.ring("change");
    signal.addEventListener("abort", onAbort);
    try {
      let calls = Number.POSITIVE_INFINITY;
      while (!signal.aborted) {
        try {
          await this.#round(alarm, calls);
        } catch (error) {
          if (!mayPass(error)) throw error;
          this.#warnRarely(
            "scan",
            `Cannot read '${this.#directory.path}', trying again: ${errorText(error)}`,
          );
        }
        calls = (await alarm.sleep()) === "interval" ? CALLS_PER_POLL : 0;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      alarm.close();
      await this.#directory.removeIfEmpty();
    }
  }

  /** One look at the directory. Workers that were dead when the look began are not reported. */
  async #round(alarm: DirectoryAlarm, calls: number): Promise<void> {
    this.#directory.ensure();
    // Watched first, read second: a change in between rings the alarm.
    this.#watchWith(alarm);
    this.#read();
    if (calls > 0) await this.#sweep(calls);
    for (const uid of this.#reported.keys()) {
      if (this.#entries.get(uid)?.worker === undefined) this.#drop(uid);
    }
    for (const { worker } of this.#entries.values()) {
      if (worker !== undefined) this.#announce(worker);
    }
  }

  #watchWith(alarm: DirectoryAlarm): void {
    try {
      alarm.watch();
    } catch (error) {
      if (hasCode(error, "ENOENT")) {
        // Removed by another process since it was made sure of: the next round makes it again.
        alarm.ring("change");
        return;
      }
      this.#warnRarely("watch", `Cannot watch '${this.#directory.path}', polling it: ${errorText(error)}`);
    }
  }

  #announce(worker: WorkerMetadata): void {
    const previous = this.#reported.get(worker.uid);
    if (previous === worker) return;
    this.#reported.set(worker.uid, worker);
    // Announced anew without a change: not worth an event.
    if (previous !== undefined && JSON.stringify(previous) === JSON.stringify(worker)) return;
    this.#report({ type: previous === undefined ? "worker-added" : "worker-updated", worker });
  }

  #drop(uid: string): void {
    const worker = this.#reported.get(uid);
    if (worker === undefined) return;
    this.#reported.delete(uid);
    this.#report({ type: "worker-dropped", worker });
  }

  /** Brings the entries in line with the files. */
  #read(): void {
    const present = new Set<string>();
    for (const advertisement of this.#directory.scan()) {
      const { uid, signature } = advertisement;
      const entry = this.#entries.get(uid);
      if (entry?.advertisement.signature !== signature) {
        const record = this.#directory.read(uid);
        if (record === "gone") continue;
        const worker = record === "malformed" ? undefined : record;
        if (worker === undefined && (entry === undefined || entry.worker !== undefined)) this.#warnOf(uid);
        this.#entries.set(uid, { advertisement, worker });
      }
      present.add(uid);
    }
    for (const uid of this.#entries.keys()) {
      if (!present.has(uid)) this.#entries.delete(uid);
    }
  }

  #warnOf(uid: string): void {
    warn(
      "MERINO_BAD_ADVERTISEMENT",
      `Ignoring '${shownText(uid)}.json' in '${this.#directory.path}': it is not a worker's advertisement`,
    );
  }

  /**
   * Removes the files and sockets of dead workers. Workers whose process is gone are swept at once; of the others,
   * some are called on each time.
   */
  async #sweep(calls: number): Promise<void> {
    const calledOn: { readonly entry: Entry; readonly socket: string }[] = [];
    const waiting: typeof calledOn = [];
    for (const entry of this.#entries.values()) {
      const socket = entry.worker && socketHere(entry.worker);
      if (entry.worker === undefined || socket === undefined) continue;
      const certain = !existsSync(socket) || isProcessGone(entry.worker.pid);
      (certain ? calledOn : waiting).push({ entry, socket });
    }
    for (let n = Math.min(calls, waiting.length); n > 0; n--) {
      const next = waiting[this.#callsMade++ % waiting.length];
      if (next !== undefined) calledOn.push(next);
    }
    await Promise.all(
      calledOn.map(async ({ entry, socket }) => {
        if (await isSocketServed(socket)) return;
        const { advertisement } = entry;
        if (this.#directory.sweep(advertisement)) this.#entries.delete(advertisement.uid);
        // Its name is used once only, so nobody else's socket can stand there by now.
        if (!isOurs(socket)) return;
        for (const path of [socket, controlSocketPath(socket)]) sweepFile(path);
      }),
    );
  }
}

/** Whether waiting may help: not if the directory is not ours any more, but if it cannot be made now. */
function mayPass(error: unknown): boolean {
  return !isMerinoError(error) || hasCode(error.cause, "ENOSPC", "EDQUOT", "EROFS");
}

/** Path of the worker's socket if it is one of this host. */
function socketHere({ address, socket, hostId: host }: WorkerMetadata): string | undefined {
  if (host !== undefined && host !== hostId()) return undefined;
  return socket ?? (address.startsWith("unix:") ? address.slice("unix:".length) : undefined);
}

function isOurs(socket: string): boolean {
  return dirname(socket) === socketDirectory();
}

/** Only a hint: processes of other containers cannot be seen, and numbers are used again. */
function isProcessGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return hasCode(error, "ESRCH");
  }
}

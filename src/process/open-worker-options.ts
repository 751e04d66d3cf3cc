/** Options of a worker that a program starts by itself, as users write them and as they are after checking. */
import type { Discovery, DiscoveryDescriptor } from "../discovery/discovery.ts";
import { isNameable } from "../discovery/source-name.ts";
import { assertMethods } from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { PerWorker } from "../state/per-worker.ts";
import { resolveWarm } from "../state/warm-option.ts";
import type { WarmValue } from "../state/worker-values.ts";
import type { ProcessWorkerOptions } from "./process-worker-options.ts";
import { resolveExtra, resolveTags } from "./record-options.ts";

/** How one worker is started, and what others find of it. */
export interface OpenWorkerOptions extends ProcessWorkerOptions {
  /**
   * Where it is announced for as long as it serves. It stays the caller's, and open. Default: nowhere; callers need its
   * address.
   */
  readonly discovery?: Discovery | undefined;
  /** Tags of its record, at most 256 of 256 characters each. Default: none. */
  readonly tags?: readonly string[] | undefined;
  /** Further entries of its record, as for `WorkerPool`. Default: none. */
  readonly extra?: Readonly<Record<string, string>> | undefined;
  /** Values of `perWorker()` that it has before it serves. Default: none. */
  readonly warm?: readonly PerWorker<unknown>[] | undefined;
}

/** {@link OpenWorkerOptions}, divided. */
export interface ResolvedOpenWorker {
  readonly discovery: Discovery | undefined;
  /** The same, as far as the worker can be told of it. */
  readonly announcedIn: readonly DiscoveryDescriptor[];
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly warm: readonly WarmValue[];
  /** The rest, not checked yet. */
  readonly factory: ProcessWorkerOptions;
}

/**
 * Checks what a worker is announced with, and takes it apart from how it is started.
 *
 * @throws {@link InvalidOptionError} naming the first option that cannot be accepted.
 */
export function resolveOpenWorker(options: OpenWorkerOptions): ResolvedOpenWorker {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError("options", { value: options, expected: "an object" });
  }
  const { discovery, tags = [], extra = {}, warm, ...factory } = options;
  assertMethods("discovery", discovery, ["publisher", "subscribe"]);
  const { descriptor } = discovery ?? {};
  const announcedIn = descriptor !== undefined && isNameable(descriptor) ? [descriptor] : [];
  const record = { tags: resolveTags(tags), extra: resolveExtra(extra) };
  return { discovery, announcedIn, ...record, warm: resolveWarm(warm), factory };
}

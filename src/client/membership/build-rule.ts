/**
 * Which builds of a program a pool or proxy takes: its option `build`, what becomes of that in the processes that make
 * nested calls, and why a worker is not taken. It is one of the rules of `admission.ts`, and says nothing of workers that
 * the pool has started itself.
 */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { shownText } from "../../internal/shown-text.ts";
import { warn } from "../../internal/warn.ts";
import { BUILD_VARIABLE, isBuild, ownBuild } from "../../wire/build.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { isOfPool } from "./pool-label.ts";

/**
 * Which builds a pool or proxy takes. `"same"`: that of its own process. `"any"`: all. A function is asked about each
 * worker that the other rules admit, again when its record changes; a worker without a build has `undefined`.
 *
 * @example
 * const discovery = new LocalDiscovery("thumbs");
 * await using pool = await WorkerPool.open({ discovery, build: (build) => build !== "broken" });
 */
export type BuildOption = "same" | "any" | ((build: string | undefined, worker: WorkerMetadata) => boolean);

/**
 * The rule as data, for nested calls. `same`: the build of the process that opened the pool. `worker`: a function has
 * stayed there, and has accepted the worker that the calls come from, so that its build is the one to go to.
 */
export type BuildDescriptor = { readonly kind: "same"; readonly build: string } | { readonly kind: "worker" };

/** A rule about builds. */
export interface BuildRule {
  /** Why the worker may not become a member, for people; `undefined` if it may. */
  judge(worker: WorkerMetadata): string | undefined;
  readonly descriptor: BuildDescriptor;
}

/**
 * Checks the option `build`.
 *
 * @returns The rule; `undefined` if there is none.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `build`), also for `"same"` in a process that
 *   has no build of its own.
 */
export function resolveBuildRule(option: unknown): BuildRule | undefined {
  if (option === undefined || option === "any") return undefined;
  if (typeof option === "function") return askedFor(option as Exclude<BuildOption, string>);
  if (option !== "same") {
    throw new InvalidOptionError("build", {
      value: option,
      expected: '"same", "any" or a function of a worker\'s build and its record',
    });
  }
  const own = ownBuild();
  if (own !== undefined) return sameBuild(own);
  throw new InvalidOptionError("build", {
    value: option,
    expected: '"any" or a function, since this process does not say which build it runs',
    advice: `Set the environment variable ${BUILD_VARIABLE}, before the pool is made, to what the workers of the same build say`,
  });
}

/** Tells whether data from outside can be a descriptor. */
export function isBuildDescriptor(value: unknown): value is BuildDescriptor {
  if (typeof value !== "object" || value === null) return false;
  const { kind, build } = value as { readonly kind?: unknown; readonly build?: unknown };
  return kind === "worker" || (kind === "same" && isBuild(build));
}

/**
 * Restores a rule in a worker.
 *
 * @param pool The id of the pool. Workers that it has started are its own, here too.
 * @param own The build of this worker; `undefined` if it has none.
 */
export function restoreBuildRule(
  descriptor: BuildDescriptor,
  { pool, own }: { readonly pool: string; readonly own: string | undefined },
): BuildRule {
  const rule = descriptor.kind === "same" ? sameBuild(descriptor.build) : likeWorker(own);
  return {
    judge: (worker) => (isOfPool(worker, pool) ? undefined : rule.judge(worker)),
    descriptor,
  };
}

/** Takes workers of one build only. */
export function sameBuild(own: string): BuildRule {
  return {
    judge: ({ build }) =>
      build === own ? undefined : `${statedBuild(build)}, and this pool takes build '${shownText(own)}'`,
    descriptor: { kind: "same", build: own },
  };
}

/** Workers like one that a function has accepted. */
function likeWorker(own: string | undefined): BuildRule {
  const wanted = own === undefined ? "workers without a build" : `build '${shownText(own)}'`;
  return {
    judge: ({ build }) =>
      build === own ? undefined : `${statedBuild(build)}, and calls from this worker go to ${wanted}`,
    descriptor: { kind: "worker" },
  };
}

function askedFor(accepts: Exclude<BuildOption, string>): BuildRule {
  let warned = false;
  return {
    judge(worker) {
      let why: string;
      try {
        const answer: unknown = accepts(worker.build, worker);
        if (answer === true) return undefined;
        if (answer === false)
          return `${statedBuild(worker.build)}, which the pool's function does not accept`;
        why = "has not returned a boolean";
      } catch (error) {
        why = `has thrown: ${errorText(error)}`;
      }
      if (!warned) {
        warned = true;
        warn("MERINO_BUILD_FAILED", `The function 'build' of a pool ${why}; the worker is not used`);
      }
      return `${statedBuild(worker.build)}, and the pool's function ${why}`;
    },
    descriptor: { kind: "worker" },
  };
}

function statedBuild(build: string | undefined): string {
  return build === undefined ? "it states no build" : `it is of build '${shownText(build)}'`;
}

/** The option `credentials`, as pools, proxies, connections and workers have it. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { Trust } from "./trust.ts";
import type { WorkerCredentials } from "./worker-credentials.ts";

/**
 * Takes the credentials of an option into use, whichever copy of the package has made them.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `credentials`) for anything else.
 */
export function trustOf(credentials: WorkerCredentials | undefined): Trust | undefined {
  if (credentials === undefined) return undefined;
  const trust: Partial<Trust> | null | undefined = (credentials as Partial<WorkerCredentials> | null)?.trust;
  if (typeof trust?.current === "function" && typeof trust.follow === "function") return credentials.trust;
  throw new InvalidOptionError("credentials", {
    value: credentials,
    expected:
      "what WorkerCredentials.fromFiles(), fromPem(), watch() or provider() makes; paths and PEM go into one of these",
  });
}

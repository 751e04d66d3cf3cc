/** Two peers whose wire versions do not fit. */
import { shownText } from "../internal/shown-text.ts";
import { defineError, MerinoError } from "./merino-error.ts";

/** A peer speaks another major version of the protocol, or one that cannot be parsed. */
export class VersionError extends MerinoError {
  static {
    defineError(this, { name: "VersionError", code: "ERR_MERINO_VERSION", fault: "configuration" });
  }
  /** This side's version. */
  readonly local: string;
  /** The peer's version, as it named it, with escapes for what a terminal would obey. */
  readonly remote: string;

  constructor(local: string, remote: string, options?: ErrorOptions) {
    super(
      `Cannot talk to a worker of version '${remote}': this side is '${local}', and only versions of the same major are compatible; run the same major on both sides`,
      options,
    );
    this.local = local;
    this.remote = shownText(remote);
  }
}

/** A value that cannot be sent. */
import { defineError, type Fault, MerinoError } from "./merino-error.ts";

/** A value cannot be sent. Thrown before anything is sent; `path` says where the value is. */
export class NotSerializableError extends MerinoError {
  static {
    defineError(this, { name: "NotSerializableError", code: "ERR_MERINO_NOT_SERIALIZABLE", fault: "caller" });
  }
  /** Where the value is, for example `args[0].callback` or `result.items[3]`. */
  readonly path: string;

  /**
   * @param path Where the value is.
   * @param why What it is and what to do about it, a clause that follows the path.
   */
  constructor(path: string, why: string, options?: ErrorOptions & { readonly fault?: Fault }) {
    super(`Cannot send ${path}: ${why}`, options);
    this.path = path;
    if (options?.fault === undefined) return;
    Object.defineProperty(this, "fault", { value: options.fault, configurable: true });
    if (options.fault !== "routine") return;
    // Made when the body has returned: no frame is the body's, and the path says where to look.
    const stack = `${this.name}: ${this.message}`;
    Object.defineProperty(this, "stack", { value: stack, writable: true, configurable: true });
  }
}

/** Packages that only the benchmarks use, and that the project does not install: they are in `benchmarks/jobs`. */
import { createRequire } from "node:module";

const require = createRequire(new URL("../jobs/package.json", import.meta.url));

/** @returns The package, or `undefined` if it is not installed. `T` is its type, not checked. */
export function installed<T>(name: string): T | undefined {
  try {
    return require(name) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

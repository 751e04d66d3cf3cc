/** The environment of this process, changed for a test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Sets environment variables, and gives a directory, until disposed. */
export function useEnvironment(): Disposable & {
  readonly root: string;
  set(name: string, value?: string): void;
} {
  const root = mkdtempSync(join(tmpdir(), "merino-test-"));
  const before = new Map<string, string | undefined>();
  const assign = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  return {
    root,
    set(name, value) {
      if (!before.has(name)) before.set(name, process.env[name]);
      assign(name, value);
    },
    [Symbol.dispose]() {
      for (const [name, value] of before) assign(name, value);
      rmSync(root, { recursive: true });
    },
  };
}

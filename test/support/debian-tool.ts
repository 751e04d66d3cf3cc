/**
 * Programs that tests need beside Node: found where they are, installed from Debian where they are not.
 * A test that cannot get its program fails and says what to install; it never passes without having run.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/** Where Debian puts servers and network tools; not everybody's PATH has these. */
const SYSTEM_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** Installing may wait for another process that does the same. */
const INSTALL_WITHIN_MS = 180_000;
const RETRY_INTERVAL_MS = 1_000;

/**
 * Makes sure that a program is there. Call it before `leakCheck()`: installing starts processes.
 *
 * @param command The program's name, for example `"dnsmasq"`.
 * @param debianPackage The package that contains it, for example `"dnsmasq-base"`.
 * @returns The program's path.
 * @throws Error if it is missing and cannot be installed.
 */
export async function useTool(command: string, debianPackage: string): Promise<string> {
  const present = pathOf(command);
  if (present !== undefined) return present;
  const failure = await install(debianPackage);
  const installed = pathOf(command);
  if (installed !== undefined) return installed;
  throw new Error(
    `This test needs '${command}': install it, on Debian with 'apt-get install ${debianPackage}'`,
    { cause: failure },
  );
}

/** Debian's own Python, for which its packages install; another one in the PATH would not see them. */
const DEBIAN_PYTHON = "/usr/bin/python3";

/**
 * As `useTool`, for a module of Python.
 *
 * @param module For example `"grpc"`.
 * @param debianPackage For example `"python3-grpcio"`.
 * @returns Path of the Python that has it.
 * @throws Error if it is missing and cannot be installed.
 */
export async function usePythonModule(module: string, debianPackage: string): Promise<string> {
  if (await hasModule(module)) return DEBIAN_PYTHON;
  const failure = await install(debianPackage);
  if (await hasModule(module)) return DEBIAN_PYTHON;
  throw new Error(
    `This test needs Python's '${module}': install it, on Debian with 'apt-get install ${debianPackage}'`,
    { cause: failure },
  );
}

async function hasModule(module: string): Promise<boolean> {
  return promisify(execFile)(DEBIAN_PYTHON, ["-c", `import ${module}`]).then(
    () => true,
    () => false,
  );
}

function pathOf(command: string): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_DIRECTORIES];
  return directories.map((directory) => join(directory, command)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns why it failed, if it did. */
async function install(debianPackage: string): Promise<unknown> {
  const untilMs = performance.now() + INSTALL_WITHIN_MS;
  let updated = false;
  for (;;) {
    try {
      await aptGet("install", "--yes", "--no-install-recommends", debianPackage);
      return undefined;
    } catch (error) {
      if (performance.now() >= untilMs) return error;
      if (isLocked(error)) {
        await pause(RETRY_INTERVAL_MS);
        continue;
      }
      if (updated) return error;
      // No lists of packages, or old ones.
      try {
        await aptGet("update");
        updated = true;
      } catch (failure) {
        if (!isLocked(failure)) return failure;
        await pause(RETRY_INTERVAL_MS);
      }
    }
  }
}

async function aptGet(...args: readonly string[]): Promise<void> {
  await promisify(execFile)("apt-get", ["--option", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: INSTALL_WITHIN_MS,
  });
}

/** apt waits for dpkg's lock only; that of its lists and that of its archive fail at once. */
function isLocked(error: unknown): boolean {
  return /could not get lock|unable to lock/i.test(String((error as { stderr?: unknown })?.stderr));
}

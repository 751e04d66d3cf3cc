/** For projects whose program goes on until it is ended: starts it, waits for what it says, asks it, ends it. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import process from "node:process";

const LIMIT_MS = 100_000;
const PAUSE_MS = 100;

/** Starts a program. What it prints is kept, and shown if it is waited for in vain. */
export function start(program, parameters, env = {}) {
  const child = spawn(program === "node" ? process.execPath : program, parameters, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
  return {
    ended,
    get output() {
      return output;
    },
    says: (pattern) =>
      until(
        () => pattern.exec(output),
        `${pattern} in ${program}`,
        () => output,
      ),
    async end(signal = "SIGTERM") {
      child.kill(signal);
      return await ended;
    },
  };
}

/** Waits until a function gives something, whatever it throws before. */
export async function until(find, what, explain = () => "") {
  const fromMs = performance.now();
  for (let last; ; ) {
    try {
      const found = await find();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() - fromMs > LIMIT_MS)
      throw new Error(`Waited in vain for ${what}; ${last?.message ?? ""}\n${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Asks a server until it answers as expected: one that compiles on demand may not do so at once. */
export async function ask(url, expected, explain) {
  let last = "";
  return await until(
    async () => {
      last = await (await fetch(url)).text();
      return expected.exec(last);
    },
    `${expected} from ${url}`,
    () => `${last.slice(0, 2_000)}\n${explain?.() ?? ""}`,
  );
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether a process is there. */
export function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** For projects whose program goes on until it is ended: starts it, waits for what it says, asks it, ends it. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";

const LIMIT_MS = 100_000;
const PAUSE_MS = 200;
/** The last of what a program has printed. */
const SHOWN = 2_000;

/** Starts a program. What it prints is kept, and shown if something is waited for in vain. */
export function start(program, parameters, env = {}) {
  const child = spawn(program === "node" ? process.execPath : program, parameters, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const started = { output: "", over: false };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      started.output += text;
    });
  }
  const ended = new Promise((resolve) => child.on("close", resolve));
  void ended.then(() => {
    started.over = true;
  });
  started.end = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return started;
}

/**
 * Waits until a function gives something, whatever it throws before.
 *
 * @param started The program that has to go on meanwhile, if there is one.
 */
export async function until(find, what, started) {
  const fromMs = performance.now();
  for (let last = ""; ; ) {
    try {
      const found = await find();
      if (found) return found;
    } catch (error) {
      last = error.message;
    }
    const waitedMs = performance.now() - fromMs;
    if (waitedMs > LIMIT_MS || started?.over === true)
      throw new Error(`Waited in vain for ${what}; ${last}\n${started?.output.slice(-SHOWN) ?? ""}`);
    // One that compiles on demand is not to be asked all the time.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS + waitedMs / 10));
  }
}

/**
 * Serves, and asks for an address until it answers as expected: a server that compiles on demand may not do so at once.
 *
 * @param server What is started.
 * @param asks Paths with patterns, or functions that are called in between.
 */
export async function expectAnswers(server, origin, asks) {
  try {
    for (const step of asks) {
      if (typeof step === "function") step();
      else {
        const [path, pattern] = step;
        const answer = async () => {
          const text = await (await fetch(`${origin}${path}`)).text();
          if (pattern.test(text)) return true;
          throw new Error(`it is ${text.slice(0, 200)}`);
        };
        await until(answer, `${pattern} from ${path}`, server);
      }
    }
  } finally {
    await server.end();
  }
}

/** A function that replaces a part of a file, as somebody does who develops. */
export function edit(file, from, to) {
  return () => writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
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

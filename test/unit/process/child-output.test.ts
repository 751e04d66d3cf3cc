import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "node:test";
import { ChildOutput } from "../../../src/process/child-output.ts";
import { eventually } from "../../support/eventually.ts";

/** A destination that finishes a write only when told. */
class Gate extends Writable {
  readonly received: string[] = [];
  readonly #waiting: ((error?: Error) => void)[] = [];

  constructor(options: { readonly highWaterMark?: number } = {}) {
    super({ highWaterMark: options.highWaterMark ?? 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.received.push(chunk.toString());
    this.#waiting.push(done);
  }

  finish(error?: Error): void {
    this.#waiting.shift()?.(error);
  }
}

function captured(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

test("ChildOutput forwards each stream to its own destination and drains to the end", async () => {
  const [stdout, stderr] = [captured(), captured()];
  const output = new ChildOutput(
    {
      stdout: Readable.from([Buffer.from("one "), Buffer.from("two")]),
      stderr: Readable.from([Buffer.from("err")]),
    },
    { stdout: stdout.stream, stderr: stderr.stream },
  );

  await output.drained();

  assert.equal(stdout.text(), "one two");
  assert.equal(stderr.text(), "err");
  assert.equal(output.stderrTail, "err");
});

test("ChildOutput goes through a write() that was replaced and returns nothing", async () => {
  const lines: string[] = [];
  const destination = captured().stream;
  // As test runners and loggers do it.
  Object.assign(destination, { write: (chunk: Uint8Array) => void lines.push(String(chunk)) });
  const output = new ChildOutput(
    { stdout: Readable.from([Buffer.from("a"), Buffer.from("b")]), stderr: null },
    { stdout: destination, stderr: destination },
  );

  await output.drained();

  assert.deepEqual(lines, ["a", "b"]);
});

test("ChildOutput remembers the last whole lines of standard error", async () => {
  const sink = captured();
  const line = (index: number): string => `line ${index} ${"ü".repeat(40)}\n`;
  const written = Array.from({ length: 400 }, (_, index) => Buffer.from(line(index)));
  const output = new ChildOutput(
    { stdout: null, stderr: Readable.from(written) },
    { stdout: sink.stream, stderr: sink.stream },
  );

  await output.drained();

  const tail = output.stderrTail;
  assert.ok(Buffer.byteLength(tail) <= 8 * 1024);
  assert.ok(Buffer.byteLength(tail) > 8 * 1024 - Buffer.byteLength(line(0)));
  assert.ok(tail.endsWith(line(399)));
  assert.match(tail, /^line \d+ ü/);
});

test("ChildOutput keeps the end of a line that is longer than what it remembers", async () => {
  const sink = captured();
  const output = new ChildOutput(
    { stdout: null, stderr: Readable.from([Buffer.from(`${"x".repeat(20_000)}END\n`)]) },
    { stdout: sink.stream, stderr: sink.stream },
  );

  await output.drained();

  assert.ok(output.stderrTail.endsWith("xEND\n"));
});

test("ChildOutput pauses a worker while the destination is full, and shares one listener among workers", async () => {
  const destination = new Gate();
  const sources = Array.from({ length: 12 }, () => new PassThrough());
  const outputs = sources.map(
    (stdout) => new ChildOutput({ stdout, stderr: null }, { stdout: destination, stderr: destination }),
  );

  for (const source of sources) source.write("x");
  await eventually(() => sources.every((source) => source.isPaused()));

  assert.equal(destination.listenerCount("drain"), 1);
  assert.equal(destination.listenerCount("error"), 1);

  for (const _ of sources) {
    destination.finish();
    await eventually(() => destination.received.length > 0);
  }
  await eventually(() => sources.every((source) => !source.isPaused()));

  assert.equal(destination.received.join(""), "x".repeat(12));
  assert.equal(destination.listenerCount("drain"), 0);
  assert.equal(destination.listenerCount("error"), 0);
  for (const source of sources) source.end();
  await Promise.all(outputs.map((output) => output.drained()));
});

test("ChildOutput hands over everything at the end, also to a destination that is full", async () => {
  const destination = new Gate();
  const stdout = new PassThrough();
  const output = new ChildOutput({ stdout, stderr: null }, { stdout: destination, stderr: destination });
  stdout.write("1");
  await eventually(() => stdout.isPaused());
  stdout.write("2");
  stdout.end("3");

  await output.drained();
  destination.finish();
  await eventually(() => destination.received.length === 2);
  destination.finish();
  await eventually(() => destination.received.length === 3);
  destination.finish();

  assert.equal(destination.received.join(""), "123");
});

test("ChildOutput does not wait for a stream that never ends", async () => {
  const sink = captured();
  const stdout = new PassThrough();
  const output = new ChildOutput({ stdout, stderr: null }, { stdout: sink.stream, stderr: sink.stream });
  stdout.write("before");

  await output.drained();

  assert.equal(sink.text(), "before");
  assert.equal(stdout.destroyed, true);
});

test("ChildOutput survives a destination that nobody reads any more", async () => {
  const destination = new Gate();
  const stdout = new PassThrough();
  const output = new ChildOutput({ stdout, stderr: null }, { stdout: destination, stderr: destination });

  stdout.end("lost");
  await eventually(() => destination.received.length === 1);
  destination.finish(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await output.drained();
  await eventually(() => destination.listenerCount("error") === 0);

  assert.match(String(destination.errored), /EPIPE/);
});

test("ChildOutput leaves an error of somebody else's write unhandled, as it would be without it", async () => {
  const destination = new Gate();
  const stdout = new PassThrough();
  const output = new ChildOutput({ stdout, stderr: null }, { stdout: destination, stderr: destination });
  const foreign = new Error("not ours");
  stdout.end("x");
  await eventually(() => destination.listenerCount("error") === 1);

  assert.throws(() => destination.emit("error", foreign), foreign);

  destination.finish();
  await output.drained();
});

/** What the command makes of words: which it refuses, in one line, and what it says when asked for help. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgram } from "../../../src/cli/program.ts";
import { version } from "../../../src/wire/version.ts";
import { runCommand } from "../../support/run-command.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const COMMANDS = ["worker", "ls", "stop", "doctor"];

for (const command of ["ls", "stop", "doctor"]) {
  for (const where of [
    ...["zookeeper:x", "local:", "local:a/b", "lan:../x", "dns:", "dns:jobs.example:99999"],
    ...["none", "constructor:x", ""],
  ]) {
    test(`merino ${command} refuses '--discovery ${where}' in one line, with code 2`, async () => {
      const words = command === "stop" ? ["stop", "abc"] : [command];

      const { exitCode, stdout, stderr } = await runCommand([...words, "--discovery", where]);

      assert.equal(exitCode, 2);
      assert.match(stderr, /^[^\n]+\n$/);
      assert.equal(stdout, "");
    });
  }
}

for (const [name, words] of Object.entries({
  "no module": [],
  "an unknown option": ["jobs.js", "--prot", "1"],
  "a module that is a directory": ["."],
  "a bad port": ["jobs.js", "--port", "70000"],
  "a port that is no number": ["jobs.js", "--port", "0x50"],
  "a number of workers that is none": ["jobs.js", "--workers", "two"],
  "more workers than any host has use for": ["jobs.js", "--workers", "100000"],
  "more workers than there are ports": ["jobs.js", "--workers", "2", "--port", "65535"],
  "several workers to be reached at one port": [
    "jobs.js",
    "--workers",
    "2",
    "--advertise",
    "203.0.113.7:7777",
  ],
  "a bad grace": ["jobs.js", "--grace", "soon"],
  "a grace below none": ["jobs.js", "--grace", "-Infinity"],
  "a keepalive that no timer takes": ["jobs.js", "--keepalive-time", "2147483648"],
  "an idle timeout of 0": ["jobs.js", "--idle-timeout", "0"],
  "an extra without a value": ["jobs.js", "--extra", "zone"],
  "an empty tag": ["jobs.js", "--tag", ""],
  "a bad mapping": ["jobs.js", "--map", "../dist=src"],
  "a bad namespace": ["jobs.js", "--discovery", "local:../x"],
  "an unknown discovery": ["jobs.js", "--discovery", "zookeeper:x"],
  "a missing accept module": ["jobs.js", "--accept", "missing.js"],
  "an address beyond this host": ["jobs.js", "--host", "::"],
  "a host with a port": ["jobs.js", "--host", "127.0.0.1:80"],
  "a wildcard to advertise": ["jobs.js", "--advertise", "0.0.0.0"],
  "a port to advertise that is none": ["jobs.js", "--advertise", "worker.example:port"],
})) {
  test(`merino worker refuses ${name} in one line, with code 2`, async () => {
    using fixtures = temporaryPackage({ "jobs.js": "throw new Error('imported');" });
    const paths = words.map((word) => (word === "jobs.js" ? fixtures.path(word) : word));

    const { exitCode, stdout, stderr } = await runCommand(["worker", ...paths]);

    assert.equal(exitCode, 2);
    assert.match(stderr.replace(/\n\(Did you mean.*\)/, ""), /^[^\n]+\n$/);
    assert.equal(stdout, "");
  });
}

for (const words of [
  ["stop"],
  ["stop", "a b", "--discovery", "local:x"],
  ["ls"],
  ["dance"],
  ["ls", "more", "--discovery", "local:x"],
]) {
  test(`merino refuses '${words.join(" ")}' with code 2`, async () => {
    const { exitCode, stdout, stderr } = await runCommand(words);

    assert.equal(exitCode, 2);
    assert.match(stderr, /^error: /);
    assert.equal(stdout, "");
  });
}

test("merino without words prints its help as a mistake", async () => {
  const { exitCode, stdout, stderr } = await runCommand([]);

  assert.equal(exitCode, 2);
  assert.equal(stdout, "");
  for (const command of COMMANDS) assert.match(stderr, new RegExp(`^  ${command} `, "m"));
});

test("merino --version prints the package's version", async () => {
  assert.deepEqual(await runCommand(["--version"]), { exitCode: 0, stdout: `${version}\n`, stderr: "" });
});

for (const command of COMMANDS) {
  test(`merino ${command} --help explains every option, exit codes and examples, and exits with 0`, async () => {
    const help = await runCommand([command, "--help"]);
    const asCommand = await runCommand(["help", command]);

    const options = createProgram({ out() {}, err() {} })
      .commands.find((candidate) => candidate.name() === command)
      ?.options.map(({ long }) => long ?? "");
    assert.equal(help.exitCode, 0);
    assert.equal(help.stdout, asCommand.stdout);
    assert.ok(options !== undefined && options.length > 0);
    for (const option of options) assert.ok(help.stdout.includes(option), option);
    for (const part of ["Exit codes: 0", "Examples:\n  merino "]) assert.ok(help.stdout.includes(part), part);
    for (const line of help.stdout.split("\n")) assert.ok(line.length <= 112, line);
  });
}

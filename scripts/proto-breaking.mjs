/**
 * Checks the schema: that it breaks nothing which the recorded baseline promises, that it follows the
 * lint rules, and that the generated bindings are the ones it gives. The baseline is `proto/baseline.binpb`;
 * `--record` replaces it, once the schema has passed, and belongs to a release.
 *
 * Usage: node scripts/proto-breaking.mjs [--record]
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ROOT, runCommand } from "./command.mjs";

const SCHEMA = path.join(ROOT, "proto/wire.proto");
const BASELINE = path.join(ROOT, "proto/baseline.binpb");
const BINDINGS = path.join(ROOT, "src/wire/gen/wire_pb.ts");
/** Far fewer fields than the schema has had from its first day: below it, something was not read. */
const LEAST_FIELDS = 100;
/** A change that breaks the wire, to see that a break is found: the arguments of a task become a number. */
const DELIBERATE_BREAK = { from: "bytes args = 8;", to: "uint32 args = 8;" };

const scratch = await mkdtemp(path.join(tmpdir(), "merino-proto-"));
try {
  const current = path.join(scratch, "current.binpb");
  await buf(["build", "proto", "-o", current], "The schema does not compile");
  const currentFields = countFields(await readFile(current), "the schema");
  const baselineFields = countFields(await readFile(BASELINE), "the baseline");

  await buf(["lint", "proto"], "The schema does not follow the lint rules");
  await buf(
    ["breaking", "proto", "--against", BASELINE],
    `The schema breaks what the baseline promises.
Within a major version changes are additive only; retired numbers are reserved. See src/wire/README.md`,
  );
  await assertBreakIsFound();
  await assertBindingsAreFresh();

  if (process.argv.includes("--record")) await writeFile(BASELINE, await readFile(current));
  process.stdout.write(
    `checked ${currentFields} fields of the schema against ${baselineFields} of the baseline\n`,
  );
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** Runs buf; if it is not content, throws with its report. */
async function buf(parameters, failure) {
  const { code, output } = await runCommand("buf", parameters, { capture: true });
  if (code !== 0) throw new Error(`${failure}:\n${output.trimEnd()}`);
}

/** Counts the fields of an image and refuses one that has too few to be the wire. */
function countFields(image, name) {
  const { file } = fromBinary(FileDescriptorSetSchema, image);
  let count = 0;
  for (const { messageType } of file) for (const { field } of messageType) count += field.length;
  if (count < LEAST_FIELDS) throw new Error(`Nothing was checked: ${name} has ${count} fields`);
  return count;
}

/** A checker that finds nothing anywhere would be content with any schema: show it a break. */
async function assertBreakIsFound() {
  const schema = await readFile(SCHEMA, "utf8");
  const broken = schema.replace(DELIBERATE_BREAK.from, DELIBERATE_BREAK.to);
  if (broken === schema)
    throw new Error(`Nothing was checked: '${DELIBERATE_BREAK.from}' is not in the schema`);
  await mkdir(path.join(scratch, "proto"));
  await copyFile(path.join(ROOT, "buf.yaml"), path.join(scratch, "buf.yaml"));
  await writeFile(path.join(scratch, "proto/wire.proto"), broken);
  const parameters = ["breaking", "proto", "--against", BASELINE];
  const { code, output } = await runCommand("buf", parameters, { capture: true, cwd: scratch });
  if (code === 0 || !output.includes('"args"')) {
    throw new Error(`Nothing was checked: a deliberate break was not found.\n${output.trimEnd()}`);
  }
}

async function assertBindingsAreFresh() {
  await buf(["generate", "-o", scratch], "The bindings cannot be generated");
  const [fresh, kept] = await Promise.all([
    readFile(path.join(scratch, path.relative(ROOT, BINDINGS)), "utf8"),
    readFile(BINDINGS, "utf8"),
  ]);
  if (fresh !== kept) throw new Error("The bindings are not those of the schema: run 'npm run proto'");
}

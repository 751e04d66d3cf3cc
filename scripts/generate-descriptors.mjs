/**
 * Writes the schema as a worker tells it by gRPC's reflection: the descriptors of the files in `proto/`, and what each of
 * them declares. With `--check` it writes nothing and fails if they are out of date.
 *
 * Usage: node scripts/generate-descriptors.mjs [--check]
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ROOT, runCommand } from "./command.mjs";

const TARGET = "src/transport/listener/reflection/gen/descriptors.ts";

const scratch = await mkdtemp(path.join(tmpdir(), "merino-descriptors-"));
try {
  const image = path.join(scratch, "schema.binpb");
  const parameters = ["build", "proto", "--exclude-source-info", "--as-file-descriptor-set", "-o", image];
  const { code, output } = await runCommand("buf", parameters, { capture: true });
  if (code !== 0) throw new Error(`The schema does not compile:\n${output.trimEnd()}`);
  const { file: files } = fromBinary(FileDescriptorSetSchema, await readFile(image));
  const source = formatModule(files.toSorted((one, other) => (one.name < other.name ? -1 : 1)));
  const target = path.join(ROOT, TARGET);
  if (!process.argv.includes("--check")) await writeFile(target, source);
  else if ((await readFile(target, "utf8").catch(() => "")) !== source) {
    throw new Error(`${TARGET} is not what the schema gives: run 'npm run proto'`);
  }
  const fields = files.flatMap(({ messageType }) => messageType.flatMap(({ field }) => field));
  process.stdout.write(`checked ${fields.length} fields of ${files.length} files\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}

function formatModule(files) {
  return `// Generated from proto/ by \`npm run proto\`; \`npm run check\` compares the two.

/** One file of the schema. */
export interface SchemaFile {
  readonly name: string;
  /** Full names of its services. */
  readonly services: readonly string[];
  /** Full names of all that it declares, with a blank between two. */
  readonly symbols: string;
  /** Its \`FileDescriptorProto\` in base64. */
  readonly descriptor: string;
}

/** The files of the schema, in the order of their names. */
export const SCHEMA_FILES: readonly SchemaFile[] = ${JSON.stringify(files.map(describeFile), undefined, 2)};
`;
}

function describeFile(file) {
  // Each is told alone: a file that needs others would have to come with them.
  if (file.dependency.length > 0)
    throw new Error(`'${file.name}' imports other files, which reflection does not tell`);
  return {
    name: file.name,
    services: file.service.map(({ name }) => `${file.package}.${name}`),
    symbols: [
      ...file.service.flatMap((service) => symbolsOfService(service, file.package)),
      ...file.enumType.flatMap((type) => symbolsOfEnum(type, file.package)),
      ...file.messageType.flatMap((type) => symbolsOfMessage(type, file.package)),
    ].join(" "),
    descriptor: Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64"),
  };
}

function symbolsOfService({ name, method }, scope) {
  return [`${scope}.${name}`, ...method.map((each) => `${scope}.${name}.${each.name}`)];
}

/** Values of an enum are names of the scope that the enum is in. */
function symbolsOfEnum({ name, value }, scope) {
  return [`${scope}.${name}`, ...value.map((each) => `${scope}.${each.name}`)];
}

function symbolsOfMessage({ name, field, oneofDecl, enumType, nestedType }, scope) {
  const own = `${scope}.${name}`;
  return [
    own,
    ...[...field, ...oneofDecl].map((each) => `${own}.${each.name}`),
    ...enumType.flatMap((type) => symbolsOfEnum(type, own)),
    ...nestedType.flatMap((type) => symbolsOfMessage(type, own)),
  ];
}

/**
 * Checks that everything which a user of the package can name has a documentation comment: each export of its doors,
 * and each public member of the classes, interfaces and object types among them.
 */
import path from "node:path";
import process from "node:process";
import ts from "@typescript/typescript6";
import { ROOT } from "../command.mjs";

const DOORS = ["src/index.ts", "src/opentelemetry/index.ts", "src/opentelemetry/register.ts"].map((file) =>
  path.join(ROOT, file),
);

const { config } = ts.readConfigFile(path.join(ROOT, "tsconfig.build.json"), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const program = ts.createProgram(DOORS, { ...options, noEmit: true });
const checker = program.getTypeChecker();
const doors = DOORS.map((file) => program.getSourceFile(file));
const problems = doors.flatMap((door) => ts.getPreEmitDiagnostics(program, door));
if (problems.length > 0)
  throw new Error(
    ts.formatDiagnostics(problems, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => ROOT,
      getNewLine: () => "\n",
    }),
  );

const undocumented = [];
let symbols = 0;
for (const exported of doors.flatMap((door) =>
  checker.getExportsOfModule(checker.getSymbolAtLocation(door)),
)) {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  look(symbol, exported.name);
  for (const member of publicMembers(symbol)) look(member, `${exported.name}.${nameOf(member)}`);
}
for (const name of undocumented) process.stderr.write(`documented: ${name} has no documentation comment\n`);
if (undocumented.length > 0) process.exitCode = 1;
process.stdout.write(`${symbols} public symbols\n`);

function look(symbol, name) {
  symbols += 1;
  if (symbol.getDocumentationComment(checker).length > 0) return;
  const [declaration] = symbol.declarations;
  const file = declaration.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
  undocumented.push(`${name} (${path.relative(ROOT, file.fileName)}:${line + 1})`);
}

/** Members that are declared by it, instance and static. */
function publicMembers(symbol) {
  const members = [...(symbol.members?.values() ?? [])];
  if (symbol.flags & ts.SymbolFlags.Class) members.push(...(symbol.exports?.values() ?? []));
  for (const declaration of symbol.declarations) {
    // An alias of an object type, or a constant that is a set of others.
    if (ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type))
      members.push(...(declaration.type.symbol.members?.values() ?? []));
  }
  return members.filter((member) => member.declarations?.every(isPublic));
}

function isPublic(declaration) {
  if (ts.isTypeParameterDeclaration(declaration) || ts.isConstructorDeclaration(declaration)) return false;
  if (ts.isCallSignatureDeclaration(declaration) || ts.isIndexSignatureDeclaration(declaration)) return false;
  if (declaration.name === undefined || ts.isPrivateIdentifier(declaration.name)) return false;
  return (
    (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0
  );
}

function nameOf(member) {
  const [declaration] = member.declarations;
  return declaration.name.getText();
}

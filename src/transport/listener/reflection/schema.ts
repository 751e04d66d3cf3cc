/** The schema of what a worker serves, as reflection tells it: which services there are, and which file declares what. */
import { Buffer } from "node:buffer";
import { SCHEMA_FILES } from "./gen/descriptors.ts";

/** Files by their names, and by the names that they declare. */
export interface Schema {
  /** Full names, in the order of the alphabet. */
  readonly services: readonly string[];
  /** The encoded `FileDescriptorProto` of the file with this name. */
  fileNamed(name: string): Uint8Array | undefined;
  /** The same of the file that declares a service, method, message, field, enum or a value of one. */
  fileDeclaring(symbol: string): Uint8Array | undefined;
}

/** Reads what the build has put in. */
export function readSchema(): Schema {
  const named = new Map<string, Uint8Array>();
  const declaring = new Map<string, Uint8Array>();
  for (const { name, symbols, descriptor } of SCHEMA_FILES) {
    const file = Buffer.from(descriptor, "base64");
    named.set(name, file);
    for (const symbol of symbols.split(" ")) declaring.set(symbol, file);
  }
  return {
    services: SCHEMA_FILES.flatMap(({ services }) => services).sort(),
    fileNamed: (name) => named.get(name),
    fileDeclaring: (symbol) => declaring.get(symbol),
  };
}

/** Reads the files of credentials. */
import { readFileSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CredentialsError } from "../../errors/credentials-error.ts";
import { errorText } from "../../internal/error-text.ts";
import type { GivenMaterial, MaterialSources } from "./material.ts";
import { MAX_PEM_BYTES } from "./pem.ts";

/** Absolute paths. */
export interface CredentialPaths {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const PARTS = ["ca", "cert", "key"] as const;

/** Takes relative paths from the working directory, once and for all. */
export function resolvePaths(
  files: Readonly<Record<(typeof PARTS)[number], string | URL | undefined>>,
): CredentialPaths {
  const resolved = (file: string | URL | undefined): string | undefined =>
    file === undefined ? undefined : path.resolve(typeof file === "string" ? file : fileURLToPath(file));
  return { ca: resolved(files.ca), cert: resolved(files.cert), key: resolved(files.key) };
}

/** The files as errors name them. */
export function sourcesOf({ ca, cert, key }: CredentialPaths): MaterialSources {
  return { ca: `file '${ca ?? ""}'`, cert: `file '${cert ?? ""}'`, key: `file '${key ?? ""}'` };
}

/** @throws {@link CredentialsError} if one cannot be read. */
export function readFilesNow(paths: CredentialPaths): Omit<GivenMaterial, "passphrase"> {
  const read = (file: string | undefined): Buffer | undefined => {
    if (file === undefined) return undefined;
    try {
      assertSize(file, statSync(file).size);
      return readFileSync(file);
    } catch (error) {
      throw unreadable(file, error);
    }
  };
  return { ca: read(paths.ca), cert: read(paths.cert), key: read(paths.key) };
}

/** As {@link readFilesNow}, without holding up the program. */
export async function readFiles(paths: CredentialPaths): Promise<Omit<GivenMaterial, "passphrase">> {
  const read = async (file: string | undefined): Promise<Buffer | undefined> => {
    if (file === undefined) return undefined;
    try {
      assertSize(file, (await stat(file)).size);
      return await readFile(file);
    } catch (error) {
      throw unreadable(file, error);
    }
  };
  const [ca, cert, key] = await Promise.all([read(paths.ca), read(paths.cert), read(paths.key)]);
  return { ca, cert, key };
}

/** How the files look without reading them. */
export interface FileState {
  /** Differs whenever one of the files has been replaced or written. */
  readonly text: string;
  /** Whether the last change is so recent that another might leave the same traces. */
  readonly recent: boolean;
}

/** @throws {@link CredentialsError} if one of the files is not there. */
export async function stateOfFiles(paths: CredentialPaths, nowMs: number): Promise<FileState> {
  const states = await Promise.all(
    PARTS.map(async (part) => {
      const file = paths[part];
      if (file === undefined) return { text: "", recent: false };
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        const changedMs = Number(ctimeNs / 1_000_000n);
        // Some file systems have whole seconds, and the kernel's own are of some milliseconds.
        const grainMs = ctimeNs % 1_000_000_000n === 0n ? 2_100 : 100;
        return {
          text: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`,
          recent: Math.abs(nowMs - changedMs) < grainMs,
        };
      } catch (error) {
        throw unreadable(file, error);
      }
    }),
  );
  return { text: states.map(({ text }) => text).join(" "), recent: states.some(({ recent }) => recent) };
}

function assertSize(file: string, size: number): void {
  if (size > MAX_PEM_BYTES) throw new RangeError(`${file} has more than ${MAX_PEM_BYTES} bytes`);
}

function unreadable(file: string, error: unknown): CredentialsError {
  return new CredentialsError(
    {
      reason: "unreadable",
      source: `file '${file}'`,
      what: errorText(error),
      remedy: "Check its path and who may read it",
    },
    { cause: error },
  );
}

/** Makes what `merino certs` writes, and says what to do with it. Private keys are readable by their owner only, from the first byte. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { link, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import path from "node:path";
import { isDnsName } from "../../credentials/peers/identities.ts";
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";
import { CommandFailure, ExitCode, usageFailure } from "../terminal.ts";
import { type AlternativeName, signCertificate } from "./sign-certificate.ts";

const DAY_MS = 86_400_000;
/** Clocks of other machines may be behind. */
const EARLIER_MS = 3_600_000;
const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;

/** What `merino certs init` has been told. */
export interface AuthorityOptions {
  readonly dir: string;
  readonly days: number;
  readonly force: boolean;
}

/** What `merino certs issue` has been told. */
export interface IssueOptions extends AuthorityOptions {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  readonly spiffe?: string;
}

interface NewFile {
  readonly file: string;
  readonly text: string;
  readonly mode: number;
}

interface SigningAuthority {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

/**
 * Makes an authority.
 *
 * @returns What to print.
 */
export async function initAuthority({ dir, days, force }: AuthorityOptions): Promise<string> {
  const { publicKey, privateKey } = newKeys();
  const certificate = signCertificate(
    {
      // Authorities of one name would be taken for each other, in the messages of whoever verifies.
      commonName: `Merino development CA ${new Date().toISOString().slice(0, 19)}Z`,
      ...validity(days),
      publicKey,
      authority: true,
    },
    { privateKey },
  );
  const [ca, key] = [path.join(dir, "ca.pem"), path.join(dir, "ca-key.pem")];
  await writeAll(dir, force, [
    { file: key, text: pemOf(privateKey), mode: KEY_MODE },
    { file: ca, text: certificate.toString(), mode: CERTIFICATE_MODE },
  ]);
  return `Made an authority, valid until ${dayOf(certificate)}:
  ${ca}      for everybody
  ${key}  stays here: whoever has it can be anybody

Next, issue a certificate to each worker and to each program that calls them:
  merino certs issue worker-1${inDir(dir)}
  merino certs issue api${inDir(dir)}
`;
}

/**
 * Issues a certificate.
 *
 * @returns What to print.
 */
export async function issueCertificate(name: string, options: IssueOptions): Promise<string> {
  const { dir, days, force } = options;
  const authority = await readAuthority(dir);
  const dates = validity(days);
  if (dates.notAfter.getTime() > Date.parse(authority.certificate.validTo)) {
    throw usageFailure(
      `--days ${days}: the authority itself ends at ${dayOf(authority.certificate)}; choose less, or make a new one by 'merino certs init'`,
    );
  }
  const { publicKey, privateKey } = newKeys();
  const names = namesOf(name, options);
  const certificate = signCertificate(
    { commonName: name, names, ...dates, publicKey, usages: ["server", "client"] },
    authority,
  );
  const stem = path.join(dir, name.replaceAll(":", "_"));
  const files = { ca: path.join(dir, "ca.pem"), cert: `${stem}.pem`, key: `${stem}-key.pem` };
  await writeAll(dir, force, [
    { file: files.key, text: pemOf(privateKey), mode: KEY_MODE },
    { file: files.cert, text: certificate.toString(), mode: CERTIFICATE_MODE },
  ]);
  const identity = options.spiffe ?? names[0]?.value;
  return nextSteps(certificate, names, files, identity);
}

function nextSteps(
  certificate: X509Certificate,
  names: readonly AlternativeName[],
  files: { readonly ca: string; readonly cert: string; readonly key: string },
  identity: string | undefined,
): string {
  const options = `--ca ${shellWord(files.ca)} --cert ${shellWord(files.cert)} --key ${shellWord(files.key)}`;
  const identityOption = identity === undefined ? "" : ` --identity ${shellWord(identity)}`;
  return `Issued a certificate to ${names.length === 0 ? certificate.subject : names.map(({ value }) => value).join(", ")}, valid until ${dayOf(certificate)}:
  ${files.cert}
  ${files.key}

On another machine it takes these two files and ${files.ca}.

A worker with it:
  merino worker ./jobs.js --host 0.0.0.0 --discovery lan:jobs ${options}${identityOption}

A program with it, which calls the routines of ./jobs.js on such workers:
  import { LanDiscovery, WorkerCredentials, WorkerPool } from "merino";
  const credentials = WorkerCredentials.watch({
    ca: ${JSON.stringify(files.ca)},
    cert: ${JSON.stringify(files.cert)},
    key: ${JSON.stringify(files.key)},
  });
  await using pool = await WorkerPool.open({ discovery: new LanDiscovery("jobs"), credentials });

To see what is there:
  merino doctor --discovery lan:jobs ${options}
`;
}

async function readAuthority(dir: string): Promise<SigningAuthority> {
  const file = path.join(dir, "ca.pem");
  const keyFile = path.join(dir, "ca-key.pem");
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(name, "utf8");
    } catch (error) {
      const remedy = hasCode(error, "ENOENT")
        ? `there is no '${name}'; make an authority first, by 'merino certs init${inDir(dir)}', or name its folder by --dir`
        : errorText(error);
      throw failure(`Cannot issue a certificate: ${remedy}`, error);
    }
  };
  const [text, keyText] = [await read(file), await read(keyFile)];
  let authority: SigningAuthority;
  try {
    authority = { certificate: new X509Certificate(text), privateKey: createPrivateKey(keyText) };
  } catch (error) {
    throw failure(
      `Cannot issue a certificate: '${file}' and '${keyFile}' are not a certificate and its key without a passphrase, in PEM: ${errorText(error)}`,
      error,
    );
  }
  const { certificate, privateKey } = authority;
  if (!certificate.checkPrivateKey(privateKey)) {
    throw failure(`Cannot issue a certificate: '${keyFile}' is not the key of '${file}'`);
  }
  if (!certificate.ca) throw failure(`Cannot issue a certificate: '${file}' is not an authority's`);
  if (Date.parse(certificate.validTo) <= Date.now()) {
    throw failure(
      `Cannot issue a certificate: the authority in '${file}' has ended at ${dayOf(certificate)}; make a new one by 'merino certs init --force${inDir(dir)}', and have all certificates issued anew`,
    );
  }
  return authority;
}

function namesOf(name: string, { dns, ip, spiffe }: IssueOptions): readonly AlternativeName[] {
  const names: AlternativeName[] = [];
  const lower = name.toLowerCase();
  if (isIP(name) !== 0) names.push({ type: "ip", value: name });
  else if (isDnsName(lower)) names.push({ type: "dns", value: lower });
  names.push(...dns.map((value) => ({ type: "dns", value }) as const));
  names.push(...ip.map((value) => ({ type: "ip", value }) as const));
  if (spiffe !== undefined) names.push({ type: "uri", value: spiffe });
  const seen = new Set<string>();
  return names.filter(({ type, value }) => {
    const isNew = !seen.has(`${type} ${value}`);
    seen.add(`${type} ${value}`);
    return isNew;
  });
}

/** Writes all files or, where one is there already and may not be replaced, none. */
async function writeAll(dir: string, force: boolean, files: readonly NewFile[]): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    for (const { file } of files) {
      if (!force && (await isThere(file))) throw alreadyThere(file);
    }
    for (const file of files) await writeOne(file, force);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw failure(`Cannot write the files in '${dir}': ${errorText(error)}`, error);
  }
}

/** Puts a file in its place at once, so that nobody reads half of it, and with its mode from the start. */
async function writeOne({ file, text, mode }: NewFile, force: boolean): Promise<void> {
  const temporary = `${file}.${process.pid}.new`;
  try {
    await writeFile(temporary, text, { mode, flag: "wx" });
    if (force) await rename(temporary, file);
    else await link(temporary, file);
  } catch (error) {
    throw hasCode(error, "EEXIST") ? alreadyThere(file) : error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false; // whatever else is wrong, writing will tell
  }
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function validity(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - EARLIER_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string; // in PEM it is one
}

function dayOf(certificate: X509Certificate): string {
  return new Date(certificate.validTo).toISOString().slice(0, 10);
}

/** The option that leads the next command to the same folder. */
function inDir(dir: string): string {
  return dir === "certs" ? "" : ` --dir ${shellWord(dir)}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function alreadyThere(file: string): CommandFailure {
  return usageFailure(`'${file}' is there already; add --force to replace it`);
}

function failure(message: string, cause?: unknown): CommandFailure {
  return new CommandFailure(message, { exitCode: ExitCode.FAILED, cause });
}

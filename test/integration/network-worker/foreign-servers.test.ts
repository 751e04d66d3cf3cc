/**
 * A caller with credentials before TLS servers of other libraries: OpenSSL's `s_server` and gRPC for Python. What each
 * server is wrong about has its reason.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { type HandshakeError, WorkerConnection, WorkerCredentials } from "merino";
import { encodeWorkerMetadata } from "../../../src/wire/messages/service-messages.ts";
import { usePythonModule, useTool } from "../../support/debian-tool.ts";
import { freePort } from "../../support/free-port.ts";
import {
  createAuthority,
  type IssuedCertificate,
  issueSelfSigned,
  writeCertificate,
} from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const farm = createAuthority();
const here = { dns: ["localhost"], ips: ["127.0.0.1"] };
const own = farm.issue({ uris: ["spiffe://farm/api"] });

const files = temporaryPackage({});
after(() => files[Symbol.dispose]());

/** The certificate that a server presents, and what a caller says of it; absent: it is fine. */
const SERVERS: readonly (readonly [
  name: string,
  certificate: IssuedCertificate,
  reason: string | undefined,
])[] = [
  ["a right certificate", farm.issue(here), undefined],
  ["one of an intermediate authority", farm.intermediate().issue(here), undefined],
  ["one of an authority that is not known", createAuthority().issue(here), "unknown-authority"],
  ["one of another name", farm.issue({ dns: ["elsewhere.example"] }), "name-mismatch"],
  ["one that has expired", farm.issue({ ...here, fromDays: -10, days: -1 }), "expired"],
  ["one that is not valid yet", farm.issue({ ...here, fromDays: 5 }), "not-yet-valid"],
  ["one that it has signed itself", issueSelfSigned(here), "unknown-authority"],
  ["one for callers only", farm.issue({ ...here, usages: ["client"] }), "wrong-purpose"],
];

/** A server in a process of its own. Disposing kills it. */
interface ForeignServer extends AsyncDisposable {
  readonly address: string;
}

async function foreignServer(
  command: string,
  parameters: readonly string[],
  port: number,
): Promise<ForeignServer> {
  const child = spawn(command, parameters, { stdio: ["pipe", "pipe", "ignore"] });
  let listens = false;
  for await (const line of createInterface({ input: child.stdout })) {
    listens = line === "ACCEPT"; // as OpenSSL says it
    if (listens) break;
  }
  assert.ok(listens, `${command} has ended`);
  child.stdout.resume();
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function credentialsFor(mutual: boolean): WorkerCredentials {
  return mutual
    ? WorkerCredentials.fromPem({ ca: farm.ca, cert: own.cert, key: own.key })
    : WorkerCredentials.fromPem({ ca: farm.ca, mutual: false });
}

/** What becomes of asking the server for its record: its uid, or why it could not be asked. */
async function ask(address: string, credentials?: WorkerCredentials): Promise<string | undefined> {
  const connection = new WorkerConnection(address, credentials === undefined ? {} : { credentials });
  try {
    return (await connection.describe()).uid;
  } catch (error) {
    const { code, reason, message } = error as HandshakeError;
    return reason ?? `${code}: ${message}`;
  } finally {
    await connection.close();
  }
}

for (const mutual of [true, false]) {
  const kind = mutual ? "mutual" : "one-way";

  test(`OpenSSL's server, ${kind} TLS: each certificate has its reason`, async (context) => {
    const openssl = await useTool("openssl", "openssl");
    await using _leaks = leakCheck();
    let looked = 0;
    for (const [name, certificate, reason] of SERVERS) {
      if (reason === undefined) continue; // it speaks no HTTP/2: what follows a handshake takes until the time is over
      const port = await freePort();
      const { cert, key } = writeCertificate(files.path(`openssl ${kind} ${name}`), {
        ...certificate,
        ca: farm.ca,
      });
      const verify = mutual
        ? ["-Verify", "1", "-verify_return_error", "-CAfile", cert.replace(/cert\.pem$/, "ca.pem")]
        : [];
      const server = [
        "s_server",
        "-accept",
        `127.0.0.1:${port}`,
        "-cert",
        cert,
        "-cert_chain",
        cert,
        "-key",
        key,
      ];
      await using foreign = await foreignServer(openssl, [...server, "-alpn", "h2", ...verify], port);

      assert.equal(await ask(foreign.address, credentialsFor(mutual)), reason, name);
      looked += 1;
    }
    context.diagnostic(`looked at ${looked} servers`);
  });

  test(`a Python server of gRPC, ${kind} TLS: each certificate has its reason, and a right one serves`, async (context) => {
    const python = await usePythonModule("grpc", "python3-grpcio");
    await using _leaks = leakCheck();
    const record = Buffer.from(
      encodeWorkerMetadata(workerMetadata({ uid: "python", secure: true })),
    ).toString("hex");
    let looked = 0;
    for (const [name, certificate, reason] of SERVERS) {
      const port = await freePort();
      const paths = writeCertificate(files.path(`python ${kind} ${name}`), { ...certificate, ca: farm.ca });
      const words = [
        "-c",
        PYTHON_SERVER,
        String(port),
        paths.ca,
        paths.cert,
        paths.key,
        String(mutual),
        record,
      ];
      await using foreign = await foreignServer(python, words, port);

      assert.equal(await ask(foreign.address, credentialsFor(mutual)), reason ?? "python", name);
      looked += 1;
    }
    context.diagnostic(`looked at ${looked} servers`);
  });
}

test("a server that wants a certificate, that speaks no TLS, or TLS 1.1 only, is told apart", async () => {
  const openssl = await useTool("openssl", "openssl");
  const python = await usePythonModule("grpc", "python3-grpcio");
  await using _leaks = leakCheck();
  const port = await freePort();
  const paths = writeCertificate(files.path("asks"), { ...farm.issue(here), ca: farm.ca });
  const words = ["-c", PYTHON_SERVER, String(port), paths.ca, paths.cert, paths.key, "true", ""];
  await using asking = await foreignServer(python, words, port);
  const oldPort = await freePort();
  const old = [
    "s_server",
    "-accept",
    `127.0.0.1:${oldPort}`,
    "-cert",
    paths.cert,
    "-key",
    paths.key,
    "-tls1_1",
  ];
  await using outdated = await foreignServer(openssl, [...old, "-cipher", "DEFAULT:@SECLEVEL=0"], oldPort);
  const strictPort = await freePort();
  const strict = ["s_server", "-accept", `127.0.0.1:${strictPort}`, "-cert", paths.cert, "-key", paths.key];
  const demand = ["-alpn", "h2", "-Verify", "1", "-verify_return_error", "-CAfile", paths.ca];
  await using demanding = await foreignServer(openssl, [...strict, ...demand], strictPort);
  const plainPort = await freePort();
  await using plain = await foreignServer(python, ["-c", PYTHON_SERVER, String(plainPort)], plainPort);

  // gRPC for Python closes without a word, so that the reason can only be guessed.
  assert.match(String(await ask(asking.address, credentialsFor(false))), /or it wants a certificate/);
  assert.equal(await ask(demanding.address, credentialsFor(false)), "certificate-missing");
  assert.equal(await ask(outdated.address, credentialsFor(true)), "no-common-version");
  assert.equal(await ask(plain.address, credentialsFor(true)), "plaintext");
  // Both close without a word when somebody speaks in plain text.
  assert.match(String(await ask(asking.address)), /or it speaks TLS only/);
  assert.match(String(await ask(demanding.address)), /or it speaks TLS only/);
});

/** Serves `describe` with a record. Arguments: port, authority, certificate, key, whether callers need one, record. */
const PYTHON_SERVER = `
import sys, concurrent.futures, grpc

port, rest = sys.argv[1], sys.argv[2:]
record = bytes.fromhex(rest[4]) if len(rest) > 4 else b""
method = grpc.unary_unary_rpc_method_handler(lambda request, context: record)
handler = grpc.method_handlers_generic_handler("wool.runtime.protobuf.wire.Worker", {"describe": method})
server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2))
server.add_generic_rpc_handlers((handler,))
if rest:
    ca, cert, key = (open(name, "rb").read() for name in rest[:3])
    mutual = rest[3] == "true"
    credentials = grpc.ssl_server_credentials([(key, cert)], ca if mutual else None, mutual)
    server.add_secure_port("127.0.0.1:" + port, credentials)
else:
    server.add_insecure_port("127.0.0.1:" + port)
server.start()
print("ACCEPT", flush=True)
sys.stdin.read()
`;

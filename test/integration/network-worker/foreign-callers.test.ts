/**
 * Callers of other libraries before a worker's server: OpenSSL's `s_client`, with HTTP/2 through it, and gRPC for Python.
 * What is wrong with each side's certificate has its answer, as for callers of this library.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import type { TrustData } from "../../../src/credentials/trust.ts";
import { GRPC_METHODS } from "../../../src/transport/grpc/service.ts";
import { usePythonModule, useTool } from "../../support/debian-tool.ts";
import {
  createAuthority,
  type IssuedCertificate,
  issueSelfSigned,
  writeCertificate,
} from "../../support/issue-certificate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { materialOf, serveTls } from "../../support/serve-tls.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

/** A program that has not ended by then is killed, and its test fails. */
const LIMIT_MS = 60_000;

const farm = createAuthority();
const NAMES = { dns: ["localhost"], ips: ["127.0.0.1"] };
const API = { uris: ["spiffe://farm/api"] };
/** Whom the worker of these tests serves, where it asks. */
const PEERS = ["spiffe://farm/api"];

const files = temporaryPackage({});
after(() => files[Symbol.dispose]());

/** How a caller comes: with which certificate, and in which way if not as usual. */
interface Cell {
  readonly name: string;
  readonly own?: IssuedCertificate;
  readonly way?: "plaintext" | "TLS 1.1";
  /** Of the answer in mutual TLS. */
  readonly mutual: RegExp;
  /** Where no certificate is asked for. */
  readonly oneWay: RegExp;
}

const SERVED = /^answered$/;
const REFUSED = /^16 certificate-refused: /;

const CELLS: readonly Cell[] = [
  { name: "right", own: farm.issue(API), mutual: SERVED, oneWay: SERVED },
  { name: "from an intermediate", own: farm.intermediate().issue(API), mutual: SERVED, oneWay: SERVED },
  { name: "of another authority", own: createAuthority().issue(API), mutual: REFUSED, oneWay: SERVED },
  {
    name: "of another name",
    own: farm.issue({ uris: ["spiffe://farm/x"] }),
    mutual: REFUSED,
    oneWay: SERVED,
  },
  { name: "expired", own: farm.issue({ ...API, fromDays: -2, days: -1 }), mutual: REFUSED, oneWay: SERVED },
  {
    name: "not yet valid",
    own: farm.issue({ ...API, fromDays: 1, days: 2 }),
    mutual: REFUSED,
    oneWay: SERVED,
  },
  { name: "self-signed, of the same name", own: issueSelfSigned(API), mutual: REFUSED, oneWay: SERVED },
  { name: "none", mutual: /^16 certificate-missing: /, oneWay: SERVED },
  { name: "plaintext", way: "plaintext", mutual: /^16 encrypted: /, oneWay: /^16 encrypted: / },
  { name: "TLS 1.1", way: "TLS 1.1", mutual: /alert protocol version/, oneWay: /alert protocol version/ },
];

function trustOf(mutual: boolean, own: IssuedCertificate = farm.issue(NAMES)): TrustData {
  const policy = mutual ? { mutual, peers: PEERS } : { mutual };
  return { policy, material: materialOf(own, mutual ? farm.ca : undefined) };
}

/** Files of a cell's certificate; those of the authority that the worker's certificate is of are always there. */
function filesOf({ name, own }: Pick<Cell, "name" | "own">): {
  readonly ca: string;
  readonly pair?: { readonly cert: string; readonly key: string };
} {
  const { ca, ...pair } = writeCertificate(files.path(name), { ...(own ?? farm.issue(API)), ca: farm.ca });
  return own === undefined ? { ca } : { ca, pair };
}

/** What becomes of a call by HTTP/2 through OpenSSL: `answered`, a status with its words, or what OpenSSL says. */
async function callThroughOpenssl(openssl: string, port: number, cell: Cell): Promise<string> {
  const { ca, pair } = filesOf(cell);
  const own = pair === undefined ? [] : ["-cert", pair.cert, "-cert_chain", pair.cert, "-key", pair.key];
  const old = cell.way === "TLS 1.1" ? ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"] : [];
  const trust = ["-CAfile", ca, "-verify_return_error", "-verify_hostname", "localhost"];
  const words = ["s_client", "-quiet", "-nocommands", "-connect", `127.0.0.1:${port}`, "-alpn", "h2"];
  const child = spawn(openssl, [...words, ...trust, ...own, ...old], { timeout: LIMIT_MS });
  child.stdin.on("error", () => {}); // it has ended, and says why
  const said = text(child.stderr);
  const ended = once(child, "close");
  // Node's HTTP/2 wants a socket.
  const sockets: Socket[] = [];
  const tunnel = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  const tunnelPort = await listen(tunnel);
  const session = connectHttp2(`http://127.0.0.1:${tunnelPort}`);
  session.on("error", () => {});
  try {
    return await new Promise<string>((resolve) => {
      void ended.then(async () => resolve(await said));
      const stream = session.request({
        ":method": "POST",
        ":path": GRPC_METHODS.idle.path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const told = (headers: Readonly<Record<string, unknown>>): void => {
        const { "grpc-status": status, "grpc-message": message } = headers;
        if (status === undefined) return;
        resolve(status === "0" ? "answered" : `${String(status)} ${decodeURIComponent(String(message))}`);
      };
      stream
        .on("response", told)
        .on("trailers", told)
        .on("error", () => {});
      stream.resume();
      stream.end(Buffer.alloc(5)); // one message, which is empty
    });
  } finally {
    session.destroy();
    child.kill("SIGKILL");
    await ended;
    for (const socket of sockets) socket.destroy(); // one that nobody reads from would never end
    await new Promise((resolve) => tunnel.close(resolve));
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Calls `idle` in each way that is read from standard input as JSON, and prints what becomes of it as JSON. */
const PYTHON_CALLERS = `
import json, sys, grpc

def read(path):
    return open(path, "rb").read()

def call(target, ca, pair, plaintext):
    own = dict(private_key=read(pair["key"]), certificate_chain=read(pair["cert"])) if pair else {}
    channel = grpc.insecure_channel(target) if plaintext else grpc.secure_channel(
        target, grpc.ssl_channel_credentials(read(ca), **own))
    with channel:
        idle = channel.unary_unary("${GRPC_METHODS.idle.path}", request_serializer=bytes, response_deserializer=bytes)
        try:
            idle(b"", timeout=20)
            return "answered"
        except grpc.RpcError as error:
            return str(error.code().value[0]) + " " + error.details()

print(json.dumps([call(**way) for way in json.load(sys.stdin)]))
`;

interface PythonCall {
  readonly target: string;
  readonly ca: string;
  readonly pair: { readonly cert: string; readonly key: string } | null;
  readonly plaintext: boolean;
}

async function callFromPython(python: string, calls: readonly PythonCall[]): Promise<readonly string[]> {
  const child = spawn(python, ["-c", PYTHON_CALLERS], { timeout: LIMIT_MS });
  const [output, errors] = [text(child.stdout), text(child.stderr)];
  child.stdin.end(JSON.stringify(calls));
  await once(child, "close");
  try {
    return JSON.parse(await output) as readonly string[];
  } catch (cause) {
    throw new Error(`Python has ended: ${await errors}`, { cause });
  }
}

for (const mutual of [true, false]) {
  const kind = mutual ? "mutual" : "one-way";

  test(`OpenSSL's client, ${kind} TLS: each way to come has its answer`, async (context) => {
    const openssl = await useTool("openssl", "openssl");
    await using _leaks = leakCheck();
    await using worker = await serveTls(trustOf(mutual));
    let looked = 0;
    for (const cell of CELLS) {
      if (cell.way === "plaintext") continue; // it speaks nothing but TLS
      assert.match(
        await callThroughOpenssl(openssl, worker.port, cell),
        cell[mutual ? "mutual" : "oneWay"],
        cell.name,
      );
      looked += 1;
    }
    assert.equal(worker.peers.length, 0);
    context.diagnostic(`looked at ${looked} callers`);
  });

  test(`a Python client of gRPC, ${kind} TLS: each way to come has its answer`, async (context) => {
    const python = await usePythonModule("grpc", "python3-grpcio");
    await using _leaks = leakCheck();
    await using worker = await serveTls(trustOf(mutual));
    const cells = CELLS.filter(({ way }) => way !== "TLS 1.1"); // it has no setting for that

    const answers = await callFromPython(
      python,
      cells.map((cell) => {
        const { ca, pair = null } = filesOf(cell);
        return { target: `localhost:${worker.port}`, ca, pair, plaintext: cell.way === "plaintext" };
      }),
    );

    for (const [index, cell] of cells.entries()) {
      assert.match(answers[index] ?? "", cell[mutual ? "mutual" : "oneWay"], cell.name);
    }
    context.diagnostic(`looked at ${answers.length} callers`);
  });
}

/** What is wrong with the worker's certificate, and what OpenSSL calls it. */
const WORKERS: readonly (readonly [name: string, own: IssuedCertificate, verdict: RegExp | undefined])[] = [
  ["right", farm.issue(NAMES), undefined],
  ["from an intermediate", farm.intermediate().issue(NAMES), undefined],
  ["of another authority", createAuthority({ name: "other" }).issue(NAMES), /unable to get local issuer/],
  ["of another name", farm.issue({ dns: ["elsewhere.example"] }), /hostname mismatch/i],
  ["expired", farm.issue({ ...NAMES, fromDays: -2, days: -1 }), /certificate has expired/],
  ["not yet valid", farm.issue({ ...NAMES, fromDays: 1, days: 2 }), /not yet valid/],
  ["self-signed", issueSelfSigned(NAMES), /self[- ]signed certificate/],
];

test("foreign callers find the same wrong with a worker's certificate as this library's", async (context) => {
  const openssl = await useTool("openssl", "openssl");
  const python = await usePythonModule("grpc", "python3-grpcio");
  await using _leaks = leakCheck();
  const caller = CELLS.find(({ name }) => name === "right");
  assert.ok(caller);
  const { ca, pair = null } = filesOf(caller);
  let looked = 0;
  for (const mutual of [true, false]) {
    for (const [name, own, verdict] of WORKERS) {
      await using worker = await serveTls(trustOf(mutual, own));
      const target = `localhost:${worker.port}`;

      const byOpenssl = await callThroughOpenssl(openssl, worker.port, caller);
      const [byPython = ""] = await callFromPython(python, [{ target, ca, pair, plaintext: false }]);

      assert.match(byOpenssl, verdict ?? SERVED, `${name}, mutual: ${mutual}`);
      assert.match(byPython, verdict === undefined ? SERVED : /^14 /, `${name}, mutual: ${mutual}`);
      looked += 1;
    }
  }
  context.diagnostic(`looked at ${looked} workers`);
});

/** Every way in which two sides can fail to agree on who they are, and what the caller is told of each. */
import assert from "node:assert/strict";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server } from "node:net";
import { describe, test } from "node:test";
import { connect as connectTlsSocket, createServer as createTlsServer } from "node:tls";
import type { TrustPolicy } from "../../../../src/credentials/trust.ts";
import { type HandshakeReason, handshakeReason } from "../../../../src/errors/handshake-error.ts";
import {
  createAuthority,
  type IssuedCertificate,
  issueSelfSigned,
} from "../../../support/issue-certificate.ts";
import { callOnce, materialOf, serveTls, trustOfMaterial } from "../../../support/serve-tls.ts";

const farm = createAuthority();
const other = createAuthority({ name: "other root" });
const NAMES = { dns: ["localhost"], ips: ["127.0.0.1"], uris: ["spiffe://farm/thumbs"] };

/** Certificates by what is the matter with them. */
const certificates: Readonly<Record<string, IssuedCertificate>> = {
  right: farm.issue(NAMES),
  "from an intermediate": farm.intermediate().issue(NAMES),
  "of another authority": other.issue(NAMES),
  "of another name": farm.issue({ dns: ["elsewhere.example"], uris: ["spiffe://farm/other"] }),
  expired: farm.issue({ ...NAMES, fromDays: -2, days: -1 }),
  "not yet valid": farm.issue({ ...NAMES, fromDays: 1, days: 2 }),
  "self-signed": issueSelfSigned(NAMES),
  "for clients only": farm.issue({ ...NAMES, usages: ["client"] }),
  "for servers only": farm.issue({ ...NAMES, usages: ["server"] }),
};

function certificate(what: string): IssuedCertificate {
  const found = certificates[what];
  assert.ok(found);
  return found;
}

/** What the caller is told of the certificate of a worker; undefined: the call goes through. */
const OF_WORKERS: Readonly<Record<string, HandshakeReason | undefined>> = {
  right: undefined,
  "from an intermediate": undefined,
  "of another authority": "unknown-authority",
  "of another name": "name-mismatch",
  expired: "expired",
  "not yet valid": "not-yet-valid",
  "self-signed": "unknown-authority",
  "for clients only": "wrong-purpose",
  "for servers only": undefined,
};

/** What it is told of its own. */
const OF_CALLERS: Readonly<Record<string, HandshakeReason | undefined>> = {
  right: undefined,
  "from an intermediate": undefined,
  "of another authority": "certificate-refused",
  "of another name": undefined,
  expired: "certificate-refused",
  "not yet valid": "certificate-refused",
  "self-signed": "certificate-refused",
  "for clients only": undefined,
};

async function reasonOf(call: Promise<void>): Promise<HandshakeReason | string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => handshakeReason(error) ?? String(error),
  );
}

for (const mutual of [true, false]) {
  const policy: TrustPolicy = { mutual };

  describe(mutual ? "in mutual TLS" : "in one-way TLS", () => {
    for (const [what, expected] of Object.entries(OF_WORKERS)) {
      test(`a worker whose certificate is ${what} ${expected === undefined ? "is called" : `is not: ${expected}`}`, async () => {
        await using worker = await serveTls({ policy, material: materialOf(certificate(what), farm.ca) });
        const trust = trustOfMaterial(materialOf(certificate("right"), farm.ca), policy);

        assert.equal(await reasonOf(callOnce(worker.address, { trust })), expected);
      });
    }

    for (const [what, expected] of Object.entries(OF_CALLERS)) {
      const told = mutual ? expected : undefined;
      test(`a caller whose certificate is ${what} ${told === undefined ? "is served" : `is not: ${told}`}`, async () => {
        await using worker = await serveTls({ policy, material: materialOf(certificate("right"), farm.ca) });
        const trust = trustOfMaterial(materialOf(certificate(what), farm.ca), policy);

        assert.equal(await reasonOf(callOnce(worker.address, { trust })), told);
      });
    }

    test("a caller without a certificate is told so, or served where none is wanted", async () => {
      await using worker = await serveTls({ policy, material: materialOf(certificate("right"), farm.ca) });
      const trust = trustOfMaterial(materialOf(undefined, farm.ca), { mutual: false });

      const reason = await reasonOf(callOnce(worker.address, { trust }));

      assert.equal(reason, mutual ? "certificate-missing" : undefined);
    });

    test("a caller without credentials is told that the worker has some", async () => {
      await using worker = await serveTls({ policy, material: materialOf(certificate("right"), farm.ca) });

      assert.equal(await reasonOf(callOnce(worker.address)), "encrypted");
    });

    test("a caller with credentials is told that the worker has none", async () => {
      await using worker = await serveTls(undefined);
      const trust = trustOfMaterial(materialOf(certificate("right"), farm.ca), policy);

      assert.equal(await reasonOf(callOnce(worker.address, { trust })), "plaintext");
    });

    test("a worker with TLS 1.1 only is not called", async () => {
      const { cert, key } = certificate("right");
      await using worker = await listening(
        createTlsServer({
          cert,
          key,
          minVersion: "TLSv1",
          maxVersion: "TLSv1.1",
          ciphers: "DEFAULT@SECLEVEL=0",
        }),
      );
      const trust = trustOfMaterial(materialOf(certificate("right"), farm.ca), policy);

      assert.equal(await reasonOf(callOnce(worker.address, { trust })), "no-common-version");
    });

    test("a caller with TLS 1.1 only gets no connection", async () => {
      await using worker = await serveTls({ policy, material: materialOf(certificate("right"), farm.ca) });
      const { cert, key, ca } = certificate("right");
      const code = await new Promise((resolve) => {
        const socket = connectTlsSocket({
          ...{ host: "127.0.0.1", port: worker.port, cert, key, ca },
          ...{ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
        });
        socket.on("secureConnect", () => resolve("connected"));
        socket.on("error", ({ code: fault }: NodeJS.ErrnoException) => resolve(fault));
      });

      assert.equal(code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    });
  });
}

test("a caller does not try with a certificate that is for servers only", async () => {
  const material = materialOf(certificate("right"), farm.ca);
  await using worker = await serveTls({ policy: { mutual: true }, material });
  const trust = trustOfMaterial(materialOf(certificate("for servers only"), farm.ca));

  await assert.rejects(callOnce(worker.address, { trust }), {
    code: "ERR_MERINO_CREDENTIALS",
    reason: "usage",
  });
});

test("a caller expects the name in the record, and not the host that it dials", async () => {
  const material = materialOf(certificate("of another name"), farm.ca);
  await using worker = await serveTls({ policy: { mutual: true }, material });
  const trust = trustOfMaterial(materialOf(certificate("right"), farm.ca));

  const named = await reasonOf(callOnce(worker.address, { trust, identity: "spiffe://farm/other" }));
  const misnamed = await reasonOf(callOnce(worker.address, { trust, identity: "spiffe://farm/thumbs" }));
  // A record is no place for patterns: anybody can write one.
  const pattern = await reasonOf(callOnce(worker.address, { trust, identity: "*" }));

  assert.deepEqual([named, misnamed, pattern], [undefined, "name-mismatch", "name-mismatch"]);
});

test("a caller with 'peers' asks for one of these, whatever the record says", async () => {
  const material = materialOf(certificate("of another name"), farm.ca);
  await using worker = await serveTls({ policy: { mutual: true }, material });
  const own = materialOf(certificate("right"), farm.ca);
  const good = trustOfMaterial(own, { peers: ["spiffe://farm/*"] });
  const bad = trustOfMaterial(own, { peers: ["spiffe://ranch/*"] });
  const judging = (answer: unknown) => ({ ...trustOfMaterial(own), judge: () => answer as boolean });

  assert.equal(await reasonOf(callOnce(worker.address, { trust: good })), undefined);
  assert.equal(await reasonOf(callOnce(worker.address, { trust: bad })), "name-mismatch");
  assert.equal(
    await reasonOf(callOnce(worker.address, { trust: bad, identity: "spiffe://farm/other" })),
    "name-mismatch",
  );
  assert.equal(await reasonOf(callOnce(worker.address, { trust: judging(true) })), undefined);
  assert.equal(await reasonOf(callOnce(worker.address, { trust: judging("yes") })), "name-mismatch");
});

test("a worker with 'peers' serves these only, and says so", async () => {
  const material = materialOf(certificate("right"), farm.ca);
  await using worker = await serveTls({
    policy: { mutual: true, peers: ["spiffe://farm/thumbs"] },
    material,
  });

  const admitted = await reasonOf(callOnce(worker.address, { trust: trustOfMaterial(material) }));
  const stranger = trustOfMaterial(materialOf(certificate("of another name"), farm.ca));
  const refused = await reasonOf(callOnce(worker.address, { trust: stranger }));

  assert.deepEqual([admitted, refused], [undefined, "certificate-refused"]);
});

test("a caller that gets nothing, or something else, says so within its time", async () => {
  const trust = trustOfMaterial(materialOf(certificate("right"), farm.ca));
  await using web = await listening(
    createServer((socket) => {
      socket.on("error", () => {});
      socket.resume();
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    }),
  );
  await using closing = await listening(createServer((socket) => socket.destroy()));
  await using plain = await listening(createHttp2Server());

  assert.equal(await reasonOf(callOnce(web.address, { trust })), "plaintext");
  assert.equal(await reasonOf(callOnce(plain.address, { trust })), "plaintext");
  await assert.rejects(callOnce(closing.address, { trust }), { code: "ERR_MERINO_HANDSHAKE" });
});

test("new keys are used for new connections, and connections that are there go on", async () => {
  const [first, second] = [farm.issue(NAMES), other.issue(NAMES)];
  const material = materialOf(first, farm.ca);
  await using worker = await serveTls({ policy: { mutual: false }, material });
  const knowing = (ca: string) => trustOfMaterial(materialOf(undefined, ca), { mutual: false });
  const old = connectTlsSocket({ host: "127.0.0.1", port: worker.port, ca: farm.ca, ALPNProtocols: ["h2"] });
  await new Promise((resolve) => old.once("secureConnect", resolve));
  let ended = false;
  old.on("close", () => {
    ended = true;
  });

  worker.listener.renew(materialOf(second, other.ca));

  assert.equal(await reasonOf(callOnce(worker.address, { trust: knowing(other.ca) })), undefined);
  assert.equal(await reasonOf(callOnce(worker.address, { trust: knowing(farm.ca) })), "unknown-authority");
  assert.equal(ended, false);
  old.destroy();
});

test("a worker whose keys have ended takes no connection until it has new ones, and says so", async () => {
  const material = materialOf(certificate("right"), farm.ca);
  await using worker = await serveTls({
    policy: { mutual: true },
    material: { ...material, endsAtMs: Date.now() - 1 },
  });
  const trust = trustOfMaterial(material);

  assert.equal(await reasonOf(callOnce(worker.address, { trust })), "expired");
  worker.listener.renew(material);
  await callOnce(worker.address, { trust });
});

async function listening(
  server: Pick<Server, "listen" | "address" | "close">,
): Promise<AsyncDisposable & { address: string }> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

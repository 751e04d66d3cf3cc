/**
 * The files of one side's SPIFFE credentials, written as the programs write them that renew them: `spiffe-helper` writes
 * certificate, key and bundle one after the other and in place; the kubelet and the drivers of cert-manager turn one link
 * for all of them.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { IssuedCertificate } from "../../support/issue-certificate.ts";
import { mountSecret } from "../../support/secret-volume.ts";

/** A certificate with its key, and the authorities that are trusted from now on. */
export type Issued = Pick<IssuedCertificate, "ca" | "cert" | "key">;

/** Files that somebody renews. */
export interface WrittenFiles {
  readonly paths: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Writes others in their place. Resolves when all of it is there. */
  renew(issued: Issued): Promise<void>;
}

/** Makes such files in a directory. */
export type SecretWriter = (directory: string, first: Issued) => WrittenFiles;

/**
 * As `spiffe-helper`: each file is cut off, then written, in an order of its own, and whoever reads may come in between,
 * also in the middle of a file.
 *
 * @see https://github.com/spiffe/spiffe-helper/blob/main/pkg/disk/x509.go
 */
export const spiffeHelper: SecretWriter = (directory, first) => {
  mkdirSync(directory, { recursive: true });
  const paths = {
    cert: path.join(directory, "svid.pem"),
    key: path.join(directory, "svid_key.pem"),
    ca: path.join(directory, "svid_bundle.pem"),
  };
  for (const part of ["cert", "key", "ca"] as const) writeFileSync(paths[part], first[part]);
  return {
    paths,
    async renew(issued) {
      for (const part of ["cert", "key", "ca"] as const) {
        const file = openSync(paths[part], "w"); // empty from here on
        try {
          await pauseForReaders();
          const text = issued[part];
          writeSync(file, text.slice(0, text.length / 2));
          await pauseForReaders();
          writeSync(file, text.slice(text.length / 2));
        } finally {
          closeSync(file);
        }
        await pauseForReaders();
      }
    },
  };
};

/** As the kubelet mounts what cert-manager has issued. */
export const certManager: SecretWriter = (directory, first) => {
  const volume = mountSecret(directory, first);
  const file = (name: string): string => path.join(directory, name);
  return {
    paths: { ca: file("ca.crt"), cert: file("tls.crt"), key: file("tls.key") },
    async renew(issued) {
      volume.renew(issued);
    },
  };
};

/** Some turns of the loop, in which whoever looks at the files in this process may read them. */
async function pauseForReaders(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

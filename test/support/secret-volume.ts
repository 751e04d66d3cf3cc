/** A directory as the kubelet mounts a Secret: its files are links, and renewed all at once, by one link that is turned. */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { IssuedCertificate } from "./issue-certificate.ts";

/** A Secret that is mounted. */
export interface SecretVolume {
  readonly directory: string;
  /** Replaces what it has, as the kubelet does when the Secret has changed. */
  renew(certificate: Pick<IssuedCertificate, "ca" | "cert" | "key">): void;
}

/** Mounts a Secret of the form that cert-manager gives it, in a directory that is made for it. */
export function mountSecret(
  directory: string,
  certificate: Pick<IssuedCertificate, "ca" | "cert" | "key">,
): SecretVolume {
  let versions = 0;
  const turn = ({ ca, cert, key }: Pick<IssuedCertificate, "ca" | "cert" | "key">): void => {
    versions += 1;
    const name = `..2026_11_29_${versions}`;
    mkdirSync(path.join(directory, name));
    for (const [file, text] of Object.entries({ "ca.crt": ca, "tls.crt": cert, "tls.key": key })) {
      writeFileSync(path.join(directory, name, file), text, { mode: 0o440 });
    }
    symlinkSync(name, path.join(directory, "..data_tmp"));
    renameSync(path.join(directory, "..data_tmp"), path.join(directory, "..data"));
  };
  mkdirSync(directory, { recursive: true });
  turn(certificate);
  for (const file of ["ca.crt", "tls.crt", "tls.key"]) {
    symlinkSync(path.join("..data", file), path.join(directory, file));
  }
  return {
    directory,
    renew(renewed) {
      const old = readlinkSync(path.join(directory, "..data"));
      turn(renewed);
      rmSync(path.join(directory, old), { recursive: true });
    },
  };
}

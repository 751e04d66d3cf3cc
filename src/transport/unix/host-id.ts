/** The identity of this machine, by which processes tell whether they share its sockets. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { processWide } from "../../internal/process-wide.ts";

/**
 * Identifies this host between two boots, so that peers know whether they share sockets. The same in every
 * process of the host, as far as the host tells; it reveals nothing about the identifiers from which it is computed.
 */
export function hostId(): string {
  const cache = processWide("host-id", (): { value: string | undefined } => ({ value: undefined }));
  cache.value ??= computeHostId();
  return cache.value;
}

function computeHostId(): string {
  const bootId = contentOf("/proc/sys/kernel/random/boot_id");
  const machineId = contentOf("/etc/machine-id") ?? contentOf("/var/lib/dbus/machine-id");
  const parts = bootId === undefined && machineId === undefined ? [hostname()] : [bootId, machineId];
  return createHash("sha256")
    .update(`merino host\n${parts.join("\n")}`)
    .digest("hex")
    .slice(0, 24);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    // Absent or not for us: other systems, hardened containers. The rest still identifies the host.
    return undefined;
  }
}

/**
 * The values that pass in another way between threads than between processes: the record that `docs/values.md` shows as a
 * table, and that the tests run. A kind that is refused says so at its path.
 */
import { createSecretKey, generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { open } from "node:fs/promises";
import { BlockList, SocketAddress } from "node:net";
import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { createAuthority } from "../../support/issue-certificate.ts";
import type { Kind } from "./kind.ts";
import { OPTIONAL_ROWS, PLATFORM_KINDS } from "./platform-kinds.ts";

const name = (value: object): string => value.constructor.name;
const LARGE = 100_000;
const filled = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(bytes).fill(7);
/** Whether the memory of a value has been taken away. */
export const isEmpty = (value: ArrayBuffer | ArrayBufferView): boolean =>
  (ArrayBuffer.isView(value) ? value.buffer : value).byteLength === 0;

const BINARY = "`ArrayBuffer`, typed arrays, `DataView`, `Buffer`";
const bytesOf = (value: ArrayBuffer | ArrayBufferView): unknown => [
  name(value),
  value.byteLength,
  new Uint8Array(ArrayBuffer.isView(value) ? value.buffer.slice(value.byteOffset) : value)[1],
];

function binaryKinds(): readonly Kind[] {
  const makers = [
    () => filled(LARGE),
    () => filled(10),
    () => filled(LARGE).buffer,
    () => new Float64Array(filled(LARGE - (LARGE % 8)).buffer),
    () => new DataView(filled(LARGE).buffer),
    () => Buffer.from(filled(LARGE).buffer),
    () => filled(2 * LARGE).subarray(LARGE),
  ];
  return makers.flatMap((make): readonly Kind[] => [
    { name: BINARY, make, thread: "copied", process: "copied", kept: true, look: bytesOf },
    {
      name: `the same, marked with \`move()\``,
      make,
      marked: true,
      thread: "moved",
      process: "copied",
      kept: false,
      look: bytesOf,
    },
  ]);
}

const OWNED = { marked: true, thread: "moved", process: "refused", kept: false, look: name } as const;
const PASSED = { thread: "passed", process: "refused", kept: true } as const;

/** All rows, by name in the order of the table. */
export const KINDS: readonly Kind[] = [
  ...binaryKinds(),
  ...PLATFORM_KINDS,
  {
    name: "`SharedArrayBuffer`, and views on one",
    make: () => new SharedArrayBuffer(16),
    thread: "shared",
    process: "refused",
    kept: true,
    look: (memory: SharedArrayBuffer) => [name(memory), memory.byteLength],
  },
  {
    name: "`SharedArrayBuffer`, and views on one",
    make: () => new Int32Array(new SharedArrayBuffer(16), 4, 2).fill(5),
    thread: "shared",
    process: "refused",
    kept: true,
    look: (view: Int32Array) => [name(view), name(view.buffer), view.byteOffset, ...view],
  },
  {
    name: "`WebAssembly.Module`",
    make: () => new (webAssembly().Module)(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
    ...PASSED,
    look: (module: object) => Object.prototype.toString.call(module),
  },
  {
    name: "a `WebAssembly.Memory` that is shared",
    make: () => new (webAssembly().Memory)({ initial: 1, maximum: 1, shared: true }),
    thread: "shared",
    process: "refused",
    kept: true,
    look: (memory: { buffer: object }) => name(memory.buffer),
  },
  {
    name: "`KeyObject`, `CryptoKey`, `X509Certificate`",
    make: () => createSecretKey(Buffer.from("secret")),
    ...PASSED,
    look: (key: ReturnType<typeof createSecretKey>) => key.export().toString(),
  },
  {
    name: "`KeyObject`, `CryptoKey`, `X509Certificate`",
    make: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey,
    ...PASSED,
    look: (key: ReturnType<typeof createSecretKey>) => [key.type, key.asymmetricKeyType],
  },
  {
    name: "`KeyObject`, `CryptoKey`, `X509Certificate`",
    make: () => webcrypto.subtle.importKey("raw", Buffer.alloc(16), "AES-GCM", true, ["encrypt"]),
    ...PASSED,
    look: (key: webcrypto.CryptoKey) => [name(key), key.algorithm.name, key.usages[0]],
  },
  {
    name: "`KeyObject`, `CryptoKey`, `X509Certificate`",
    make: () => new X509Certificate(createAuthority().cert),
    ...PASSED,
    look: (certificate: X509Certificate) => [name(certificate), certificate.fingerprint256],
  },
  {
    name: "`Blob`, `File`",
    make: () => new Blob(["text"], { type: "text/plain" }),
    ...PASSED,
    process: "copied",
    look: async (blob: Blob) => [name(blob), blob.type, await blob.text()],
  },
  {
    name: "`Blob`, `File`",
    make: () => new File(["text"], "a.txt", { type: "text/plain", lastModified: 5 }),
    ...PASSED,
    process: "copied",
    look: async (file: File) => [name(file), file.name, file.type, file.lastModified, await file.text()],
  },
  {
    name: "`BlockList`, `SocketAddress`, histograms of `node:perf_hooks`",
    make: () => {
      const list = new BlockList();
      list.addAddress("10.0.0.1");
      return list;
    },
    ...PASSED,
    look: (list: BlockList) => [name(list), list.check("10.0.0.1"), list.check("10.0.0.2")],
  },
  {
    name: "`BlockList`, `SocketAddress`, histograms of `node:perf_hooks`",
    make: () => new SocketAddress({ address: "10.0.0.1", port: 5 }),
    ...PASSED,
    look: (address: SocketAddress) => [name(address), address.address, address.port],
  },
  {
    name: "`BlockList`, `SocketAddress`, histograms of `node:perf_hooks`",
    make: () => {
      const histogram = createHistogram();
      histogram.record(5);
      return histogram;
    },
    ...PASSED,
    look: (histogram: ReturnType<typeof createHistogram>) => [name(histogram), histogram.max],
  },
  {
    name: "`BlockList`, `SocketAddress`, histograms of `node:perf_hooks`",
    make: () => monitorEventLoopDelay(),
    ...PASSED,
    look: (histogram: ReturnType<typeof createHistogram>) => histogram.exceeds,
  },
  {
    name: "`MessagePort`, marked with `move()`",
    make: () => new MessageChannel().port1,
    ...OWNED,
    close: (port: InstanceType<typeof MessagePort>) => port.close(),
  },
  {
    name: "`ReadableStream`, `WritableStream`, `TransformStream`, marked with `move()`",
    make: () => new ReadableStream(),
    ...OWNED,
    close: (stream: ReadableStream) => stream.cancel(),
  },
  {
    name: "`ReadableStream`, `WritableStream`, `TransformStream`, marked with `move()`",
    make: () => new WritableStream(),
    ...OWNED,
    close: (stream: WritableStream) => stream.abort(),
  },
  {
    name: "`ReadableStream`, `WritableStream`, `TransformStream`, marked with `move()`",
    make: () => new TransformStream(),
    ...OWNED,
    close: (stream: TransformStream) => stream.writable.abort(),
  },
  {
    name: "`FileHandle`, marked with `move()`",
    make: () => open(fileURLToPath(import.meta.url)),
    ...OWNED,
    close: (handle: { close(): Promise<void> }) => handle.close(),
  },
];

/** Not among the types of Node's API without those of the web. */
function webAssembly(): Record<"Module" | "Memory", new (argument: unknown) => object> {
  return (globalThis as unknown as { WebAssembly: ReturnType<typeof webAssembly> }).WebAssembly;
}

/** The rows as the document has them. */
export function tableOfKinds(): string {
  const rows = KINDS.map(
    ({ name: kind, thread, process }) => `| ${kind} | ${thread} | ${process} | ${process} |`,
  );
  const lastOfPlatform = rows.findLastIndex((row) =>
    PLATFORM_KINDS.some(({ name: own }) => row.includes(own)),
  );
  rows.splice(lastOfPlatform + 1, 0, ...OPTIONAL_ROWS);
  return [
    "| Value | To a thread | To a process | Over a network |",
    "|---|---|---|---|",
    ...new Set(rows),
  ].join("\n");
}

/**
 * The content of blobs in an encoded value, which can be read only later than the value is encoded. A blob does not change, so
 * it arrives as it was then. A part of its length stands for it until it is read; nothing is sent before that.
 */
import type { Fault } from "../../errors/merino-error.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";

interface Entry {
  readonly blob: Blob;
  /** Which of the parts is its content. */
  readonly part: number;
  path: string;
}

/** Of one encoded value. */
export class UnreadBlobs {
  readonly #entries: Entry[] = [];
  readonly #fault: Fault | undefined;
  #reading: Promise<void> | undefined;
  #isRead = false;
  /** Those of the value, in the array that its payload has. */
  parts: Uint8Array[] = [];

  /** @param fault Whose it is if one cannot be read; the catalogue's default is the caller's. */
  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether all content is in its parts. */
  get isRead(): boolean {
    return this.#isRead;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Forgets all but the first ones. */
  forget(size: number): void {
    this.#entries.length = size;
  }

  /** Has other paths for them. */
  rename(pathOf: (path: string) => string): void {
    for (const entry of this.#entries) entry.path = pathOf(entry.path);
  }

  /**
   * Reads all of them, once.
   *
   * @throws {@link NotSerializableError} for one that cannot be read: the file behind it may have changed.
   */
  read(): Promise<void> {
    this.#reading ??= this.#readAll();
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    await Promise.all(this.#entries.map((entry) => this.#readOne(entry)));
    this.#isRead = true;
  }

  async #readOne({ blob, part, path }: Entry): Promise<void> {
    let content: ArrayBuffer;
    try {
      content = await blob.arrayBuffer();
    } catch (cause) {
      // biome-ignore lint/style/useErrorCause: it is among the options, which are the third parameter.
      throw new NotSerializableError(
        path,
        "the content of this blob cannot be read any more; send one whose file is as it was",
        { cause, ...(this.#fault !== undefined && { fault: this.#fault }) },
      );
    }
    this.parts[part] = new Uint8Array(content);
  }
}

/** The blobs that are to be read before the value is sent; `undefined` if there are none, or they have been read. */
export function unreadIn({ unread }: { readonly unread?: object | undefined }): UnreadBlobs | undefined {
  return unread instanceof UnreadBlobs && !unread.isRead ? unread : undefined;
}

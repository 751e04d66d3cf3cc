/** Finds the payload of a worker's response, which is handed on as it is or under another tag, never decoded. */
import { FieldScanner } from "../../../wire/protobuf/field-scanner.ts";
import { ResponseTag } from "../../../wire/tags.ts";
import { fieldHead, joined } from "./bytes.ts";

const NOTHING = new Uint8Array(0);

/** Tags of the fields of a Response that are payloads; its other fields are none. */
const PAYLOADS: ReadonlySet<number> = new Set<number>([
  ResponseTag.Ack,
  ResponseTag.Nack,
  ResponseTag.Result,
  ResponseTag.Exception,
  ResponseTag.Done,
  ResponseTag.Parked,
]);

/** Where the payload of a response lies; reused from one response to the next. */
export class ResponseCursor {
  bytes: Uint8Array = NOTHING;
  /** The whole response. */
  start = 0;
  end = 0;
  /** Tag of its payload; 0: none that is known. */
  tag = 0;
  /** Where the payload's field begins, with its tag. */
  fieldStart = 0;
  /** Where the message in it begins. */
  contentStart = 0;
  contentEnd = 0;
  readonly #scanner = new FieldScanner();

  /**
   * Goes to the response in the given range.
   *
   * @throws ProtocolError if it cannot be read.
   */
  reset(bytes: Uint8Array, start: number, end: number): void {
    const scanner = this.#scanner;
    scanner.reset(bytes, start, end);
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.tag = 0;
    for (let fieldStart = start, tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (PAYLOADS.has(tag)) {
        const length = scanner.length();
        this.tag = tag;
        this.fieldStart = fieldStart;
        this.contentStart = scanner.position;
        this.contentEnd = scanner.position + length;
        scanner.position += length;
      } else {
        scanner.skip(tag);
      }
      fieldStart = scanner.position;
    }
    scanner.assertIntact("Response");
  }

  /** The whole response as it is; a view. */
  get whole(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /** The same response with its payload under another tag; a copy. */
  retagged(tag: number): Uint8Array {
    return joined(
      this.bytes.subarray(this.start, this.fieldStart),
      fieldHead(tag, this.contentEnd - this.contentStart),
      this.bytes.subarray(this.contentStart, this.end),
    );
  }
}

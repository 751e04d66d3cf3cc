/**
 * Reads the fields of a Task in place: numbers at once, texts as ranges that are checked now and
 * decoded when somebody asks. It is reused from task to task; after a broken one it is cleared.
 */

import type { Caller } from "../frames.ts";
import { EntryTag } from "../protobuf/entry-tag.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { readText } from "../protobuf/text.ts";
import { CallerTag, TaskTag } from "../tags.ts";
import { readCallers, readFeatures, readTrace, skipStrings } from "./lists.ts";

const FIELDS = fieldNumbers(TaskTag);

/** The Task of the reader's current frame; everything is absent when that is of another kind. */
export class TaskReader {
  routineRef = 0;
  proxyRef = 0;
  flags = 0;
  budgetUs = 0;
  credit = 0;
  parts = 0;
  argsStart = 0;
  argsEnd = 0;
  hasKeywords = false;

  #start = 0;
  #end = 0;
  #callableStart = 0;
  #callableEnd = 0;
  #tagStart = 0;
  #tagEnd = 0;
  #versionStart = 0;
  #versionEnd = 0;
  #idStart = 0;
  #idEnd = 0;
  #callerStart = 0;
  #callerEnd = 0;
  #codecStart = 0;
  #codecEnd = 0;
  #timeoutS = 0;
  #hasFeatures = false;
  #hasCallers = false;
  #hasTrace = false;

  /** Reads the message at the scanner's position. */
  read(scanner: FieldScanner): void {
    const outer = scanner.enter();
    this.#start = scanner.position;
    this.#end = scanner.end;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case TaskTag.Version:
          scanner.skipText();
          this.#versionStart = scanner.textStart;
          this.#versionEnd = scanner.position;
          break;
        case TaskTag.Id:
          scanner.skipText();
          this.#idStart = scanner.textStart;
          this.#idEnd = scanner.position;
          break;
        case TaskTag.Caller:
          scanner.skipText();
          this.#callerStart = scanner.textStart;
          this.#callerEnd = scanner.position;
          break;
        case TaskTag.Tag:
          scanner.skipText();
          this.#tagStart = scanner.textStart;
          this.#tagEnd = scanner.position;
          break;
        case TaskTag.Callable:
          scanner.skipText();
          this.#callableStart = scanner.textStart;
          this.#callableEnd = scanner.position;
          break;
        case TaskTag.Args: {
          const length = scanner.length();
          this.argsStart = length === 0 ? 0 : scanner.position;
          this.argsEnd = length === 0 ? 0 : scanner.position + length;
          scanner.position += length;
          break;
        }
        case TaskTag.Kwargs: {
          const length = scanner.length();
          this.hasKeywords = length > 0;
          scanner.position += length;
          break;
        }
        case TaskTag.Timeout:
          this.#timeoutS = scanner.enumeration(); // a negative number limits nothing
          break;
        case TaskTag.Codec:
          scanner.skipText();
          this.#codecStart = scanner.textStart;
          this.#codecEnd = scanner.position;
          break;
        case TaskTag.BudgetUs:
          this.budgetUs = scanner.uint53();
          break;
        case TaskTag.RoutineRef:
          this.routineRef = scanner.uint32();
          break;
        case TaskTag.ProxyRef:
          this.proxyRef = scanner.uint32();
          break;
        case TaskTag.Flags:
          this.flags = scanner.uint32();
          break;
        case TaskTag.Credit:
          this.credit = scanner.uint32();
          break;
        case TaskTag.Parts:
          this.parts = scanner.uint32();
          break;
        case TaskTag.FeaturesUnpacked:
          this.#hasFeatures = true;
          scanner.uint32();
          break;
        case TaskTag.Features: {
          this.#hasFeatures = true;
          const enclosing = scanner.enter();
          while (scanner.position < scanner.end) scanner.uint32();
          scanner.leave(enclosing);
          break;
        }
        case TaskTag.Trace:
          this.#hasTrace = true;
          skipStrings(scanner, EntryTag.Value);
          break;
        case TaskTag.Callers:
          this.#hasCallers = true;
          skipStrings(scanner, CallerTag.Tag);
          break;
        default:
          scanner.skipUnknown(tag, FIELDS);
      }
    }
    scanner.leave(outer);
    if (this.#timeoutS > 0 && this.budgetUs === 0) this.budgetUs = this.#timeoutS * 1_000_000;
  }

  /** Forgets the task. */
  clear(): void {
    this.routineRef = 0;
    this.proxyRef = 0;
    this.flags = 0;
    this.budgetUs = 0;
    this.credit = 0;
    this.parts = 0;
    this.argsStart = 0;
    this.argsEnd = 0;
    this.#callableStart = 0;
    this.#callableEnd = 0;
    this.#tagStart = 0;
    this.#tagEnd = 0;
    this.#versionStart = 0;
    this.#versionEnd = 0;
    this.#idStart = 0;
    this.#idEnd = 0;
    this.#callerStart = 0;
    this.#callerEnd = 0;
    this.#codecStart = 0;
    this.#codecEnd = 0;
    this.#timeoutS = 0;
    this.hasKeywords = false;
    this.#hasFeatures = false;
    this.#hasCallers = false;
    this.#hasTrace = false;
  }

  id(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#idStart, this.#idEnd);
  }

  caller(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#callerStart, this.#callerEnd);
  }

  features(bytes: Uint8Array): readonly number[] {
    return this.#hasFeatures ? readFeatures(bytes, this.#start, this.#end) : [];
  }

  callable(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#callableStart, this.#callableEnd);
  }

  tag(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#tagStart, this.#tagEnd);
  }

  version(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#versionStart, this.#versionEnd);
  }

  codec(bytes: Uint8Array): string | undefined {
    return decode(bytes, this.#codecStart, this.#codecEnd);
  }

  callers(bytes: Uint8Array): readonly Caller[] | undefined {
    return this.#hasCallers ? readCallers(bytes, this.#start, this.#end) : undefined;
  }

  trace(bytes: Uint8Array): ReadonlyMap<string, string> | undefined {
    return this.#hasTrace ? readTrace(bytes, this.#start, this.#end) : undefined;
  }
}

function decode(bytes: Uint8Array, start: number, end: number): string | undefined {
  return end > start ? readText(bytes, start, end) : undefined;
}

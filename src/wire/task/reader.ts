/**
 * Reads the fields of a Task in place: numbers at once, texts as ranges that are checked now and
 * decoded when somebody asks. It is reused from task to task; after a broken one it is cleared.
 */

import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { Caller } from "../frames.ts";
import { type Reserve, scanReserve } from "../messages/resources.ts";
import { type RuntimeContext, scanRuntimeContext } from "../messages/runtime-context.ts";
import { EntryTag } from "../protobuf/entry-tag.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { skipStrings } from "../protobuf/skip-strings.ts";
import { readText } from "../protobuf/text.ts";
import { CallerTag, TaskTag } from "../tags.ts";
import { readCallers, readFeatures, readHeld, readOrigin } from "./lists.ts";
import { readTrace, readTraceOfIds, skipTraceOfIds } from "./trace.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const FIELDS = fieldNumbers(TaskTag);

/** A cursor at one Task after another. */
export class TaskReader {
  /** Index of the routine; 0: see {@link callable}. */
  routineRef = 0;
  /** Index of the proxy descriptor; 0: none. */
  proxyRef = 0;
  /** Bits of `TaskFlag`. */
  flags = 0;
  /** Time left, in microseconds; 0: no limit. */
  budgetUs = 0;
  /** Values that a generator may run ahead. */
  credit = 0;
  /** Chunked parts that follow on the stream. */
  parts = 0;
  /** An integer of 32 bits, whatever the caller has sent. */
  priority = 0;
  /** Time for the body alone, in microseconds; 0: no limit. */
  runTimeoutUs = 0;
  /** Whether an enclosure has come for it. */
  attached = false;
  /** The stream of the reservation within which it runs; 0: none. */
  reservation = 0;
  /** Where in the frame's bytes the arguments begin. */
  argsStart = 0;
  /** Where they end; equal to the start when they are not in the Task. */
  argsEnd = 0;
  /** Whether it has arguments by name, which the codec has no place for. */
  hasKeywords = false;

  #bytes: Uint8Array = NOTHING;
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
  #runtimeContext: RuntimeContext | undefined;
  #hasFeatures = false;
  #hasCallers = false;
  #traceEntries = 0;
  /** Where the last entry of the trace context ends that has ids alone; 0: there is none. */
  #traceIdsEnd = 0;
  #hasOrigin = false;
  #keyStart = 0;
  #keyEnd = 0;
  #giveStart = 0;
  #giveEnd = 0;
  #takeStart = 0;
  #takeEnd = 0;
  #hasHeld = false;
  #reserve: Reserve | undefined;

  /** Reads the message at the scanner's position. */
  read(scanner: FieldScanner): void {
    const outer = scanner.enter();
    this.#bytes = scanner.bytes;
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
        case TaskTag.RuntimeContext: {
          const enclosing = scanner.enter();
          this.#runtimeContext = scanRuntimeContext(scanner);
          scanner.leave(enclosing);
          break;
        }
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
        case TaskTag.Priority: {
          const coded = scanner.int32();
          this.priority = (coded >>> 1) ^ -(coded & 1);
          break;
        }
        case TaskTag.RunTimeoutUs:
          this.runTimeoutUs = scanner.uint53();
          break;
        case TaskTag.Attached:
          this.attached = scanner.flag();
          break;
        case TaskTag.Held:
          this.#hasHeld = true;
          scanner.skipText();
          break;
        case TaskTag.Reservation:
          this.reservation = scanner.uint32();
          break;
        case TaskTag.Reserve: {
          const enclosing = scanner.enter();
          this.#reserve = scanReserve(scanner);
          scanner.leave(enclosing);
          break;
        }
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
          this.#traceEntries += 1;
          if (skipTraceOfIds(scanner)) this.#traceIdsEnd = scanner.position;
          else skipStrings(scanner, EntryTag.Value);
          break;
        case TaskTag.Callers:
          this.#hasCallers = true;
          skipStrings(scanner, CallerTag.Tag);
          break;
        case TaskTag.Origin:
          this.#hasOrigin = true;
          scanner.skipText();
          break;
        case TaskTag.IdempotencyKey:
          scanner.skipText();
          this.#keyStart = scanner.textStart;
          this.#keyEnd = scanner.position;
          break;
        case TaskTag.Give:
          scanner.skipText();
          this.#giveStart = scanner.textStart;
          this.#giveEnd = scanner.position;
          break;
        case TaskTag.Take:
          scanner.skipText();
          this.#takeStart = scanner.textStart;
          this.#takeEnd = scanner.position;
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
    this.priority = 0;
    this.runTimeoutUs = 0;
    this.attached = false;
    this.reservation = 0;
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
    this.#runtimeContext = undefined;
    this.hasKeywords = false;
    this.#hasFeatures = false;
    this.#hasCallers = false;
    this.#traceEntries = 0;
    this.#traceIdsEnd = 0;
    this.#hasOrigin = false;
    this.#keyStart = 0;
    this.#keyEnd = 0;
    this.#giveStart = 0;
    this.#giveEnd = 0;
    this.#takeStart = 0;
    this.#takeEnd = 0;
    this.#hasHeld = false;
    this.#reserve = undefined;
  }

  /** Bytes of all that it has beside its arguments. */
  get headBytes(): number {
    return this.#end - this.#start - (this.argsEnd - this.argsStart);
  }

  /** Identity of the routine, when it is not given by index. */
  callable(): string | undefined {
    return this.#text(this.#callableStart, this.#callableEnd);
  }

  /** The caller's tag. */
  tag(): string | undefined {
    return this.#text(this.#tagStart, this.#tagEnd);
  }

  /** Id of the task, if the caller has chosen one. */
  id(): string | undefined {
    return this.#text(this.#idStart, this.#idEnd);
  }

  /** Version of the caller, if no Hello has stated it. */
  version(): string | undefined {
    return this.#text(this.#versionStart, this.#versionEnd);
  }

  /** Payload codec; absent: the first that both Hellos name. */
  codec(): string | undefined {
    return this.#text(this.#codecStart, this.#codecEnd);
  }

  /** Whether it says anything of who has called it. */
  get namesCallers(): boolean {
    return this.#hasCallers || this.#hasOrigin || this.#callerEnd > this.#callerStart;
  }

  /** Id of the task it was called from, if `callers` does not say more. */
  caller(): string | undefined {
    return this.#text(this.#callerStart, this.#callerEnd);
  }

  /** Options of the calls that the task makes. */
  runtimeContext(): RuntimeContext | undefined {
    return this.#runtimeContext;
  }

  /** The tasks it was called from, nearest first. */
  callers(): readonly Caller[] | undefined {
    return this.#hasCallers ? readCallers(this.#bytes, this.#start, this.#end) : undefined;
  }

  /** Numbers of the features that its caller understands, if no Hello has stated them. */
  features(): readonly number[] {
    return this.#hasFeatures ? readFeatures(this.#bytes, this.#start, this.#end) : [];
  }

  /** Trace context by header name. */
  trace(): TraceContext | undefined {
    if (this.#traceEntries === 0) return undefined;
    return this.#traceEntries === 1 && this.#traceIdsEnd > 0
      ? readTraceOfIds(this.#bytes, this.#traceIdsEnd)
      : readTrace(this.#bytes, this.#start, this.#end);
  }

  /** Identities of the first caller. */
  origin(): readonly string[] | undefined {
    return this.#hasOrigin ? readOrigin(this.#bytes, this.#start, this.#end) : undefined;
  }

  /** Names of the resources that the tasks hold from which it is called. */
  held(): readonly string[] | undefined {
    return this.#hasHeld ? readHeld(this.#bytes, this.#start, this.#end) : undefined;
  }

  /** What it asks for in place of a routine. */
  reserve(): Reserve | undefined {
    return this.#reserve;
  }

  /** By which its caller's calls are known again. */
  idempotencyKey(): string | undefined {
    return this.#text(this.#keyStart, this.#keyEnd);
  }

  /** The token for whoever is to have the items of its generator. */
  give(): string | undefined {
    return this.#text(this.#giveStart, this.#giveEnd);
  }

  /** The token of the stream that it asks for in place of a routine. */
  take(): string | undefined {
    return this.#text(this.#takeStart, this.#takeEnd);
  }

  #text(start: number, end: number): string | undefined {
    return end > start ? readText(this.#bytes, start, end) : undefined;
  }
}

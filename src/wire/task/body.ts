/**
 * Writes the fields of a Task straight into its batch. Measuring and writing are two functions over the
 * same list of fields, in the order of their numbers; they must be changed together.
 */
import type { Buffer } from "node:buffer";
import { type Caller, MAX_CALLERS, MAX_HELD, MAX_ORIGIN_IDENTITIES, type TaskFields } from "../frames.ts";
import { textSize, writeText } from "../protobuf/text.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import { CallerTag, TaskTag } from "../tags.ts";
import { traceSize, writeTrace } from "./trace.ts";

/**
 * Measures the fields. From field 16 on a tag takes two bytes.
 *
 * @param argsLength Length of the arguments, which go inside the Task; 0: they travel as parts.
 */
export function taskSize(fields: TaskFields, argsLength: number): number {
  let size = textFieldSize(fields.tag);
  if (fields.routineRef > 0) size += 2 + varintSize(fields.routineRef);
  else size += textFieldSize(fields.callable);
  if (argsLength > 0) size += 1 + varintSize(argsLength) + argsLength;
  if (fields.runtimeContext !== undefined) size += 1 + delimited(fields.runtimeContext.length);
  if (fields.budgetUs > 0) size += 2 + varintSize(fields.budgetUs);
  if (fields.proxyRef > 0) size += 2 + varintSize(fields.proxyRef);
  if (fields.flags > 0) size += 2 + varintSize(fields.flags);
  if (fields.credit > 0) size += 2 + varintSize(fields.credit);
  if (fields.parts > 0) size += 2 + varintSize(fields.parts);
  if (fields.trace !== undefined) size += traceSize(fields.trace);
  if (fields.callers !== undefined) {
    for (let at = 0; at < fields.callers.length && at < MAX_CALLERS; at++) {
      size += 2 + delimited(callerSize(fields.callers[at] as Caller));
    }
  }
  if (fields.attached === true) size += 3;
  if (fields.origin !== undefined) {
    for (let at = 0; at < fields.origin.length && at < MAX_ORIGIN_IDENTITIES; at++) {
      size += 2 + delimited(textSize(fields.origin[at] as string));
    }
  }
  if (fields.priority !== undefined && fields.priority !== 0) size += 2 + varintSize(zigzag(fields.priority));
  if (fields.runTimeoutUs !== undefined && fields.runTimeoutUs > 0)
    size += 2 + varintSize(fields.runTimeoutUs);
  if (fields.idempotencyKey !== undefined) size += 2 + delimited(textSize(fields.idempotencyKey));
  if (fields.held !== undefined) {
    for (let at = 0; at < fields.held.length && at < MAX_HELD; at++) {
      size += 2 + delimited(textSize(fields.held[at] as string));
    }
  }
  if (fields.reservation !== undefined && fields.reservation > 0) size += 2 + varintSize(fields.reservation);
  if (fields.reserve !== undefined) size += 2 + delimited(fields.reserve.length);
  if (fields.give !== undefined) size += 2 + delimited(textSize(fields.give));
  if (fields.take !== undefined) size += 2 + delimited(textSize(fields.take));
  return size;
}

/**
 * Writes the fields and returns the position after them.
 *
 * @param bytes Where to write; must have room for {@link taskSize} bytes.
 * @param args The bytes that hold the arguments, from `start` to `end`; an empty range writes none.
 */
export function writeTask(
  bytes: Buffer,
  position: number,
  fields: TaskFields,
  args: Uint8Array,
  start: number,
  end: number,
): number {
  let at = writeTextField(bytes, position, TaskTag.Tag, fields.tag);
  if (!(fields.routineRef > 0)) at = writeTextField(bytes, at, TaskTag.Callable, fields.callable);
  if (end > start) {
    bytes[at++] = TaskTag.Args;
    at = writeVarint(bytes, at, end - start);
    at = writeBytes(bytes, at, args, start, end);
  }
  if (fields.runtimeContext !== undefined) {
    const { runtimeContext } = fields;
    bytes[at++] = TaskTag.RuntimeContext;
    at = writeVarint(bytes, at, runtimeContext.length);
    at = writeBytes(bytes, at, runtimeContext, 0, runtimeContext.length);
  }
  if (fields.budgetUs > 0) at = writeNumberField(bytes, at, TaskTag.BudgetUs, fields.budgetUs);
  if (fields.routineRef > 0) at = writeNumberField(bytes, at, TaskTag.RoutineRef, fields.routineRef);
  if (fields.proxyRef > 0) at = writeNumberField(bytes, at, TaskTag.ProxyRef, fields.proxyRef);
  if (fields.flags > 0) at = writeNumberField(bytes, at, TaskTag.Flags, fields.flags);
  if (fields.credit > 0) at = writeNumberField(bytes, at, TaskTag.Credit, fields.credit);
  if (fields.parts > 0) at = writeNumberField(bytes, at, TaskTag.Parts, fields.parts);
  if (fields.trace !== undefined) at = writeTrace(bytes, at, fields.trace);
  if (fields.callers !== undefined) {
    for (let index = 0; index < fields.callers.length && index < MAX_CALLERS; index++) {
      const caller = fields.callers[index] as Caller;
      at = writeVarint(bytes, at, TaskTag.Callers);
      at = writeVarint(bytes, at, callerSize(caller));
      at = writeTextField(bytes, at, CallerTag.Id, caller.id);
      at = writeTextField(bytes, at, CallerTag.Routine, caller.routine);
      at = writeTextField(bytes, at, CallerTag.Tag, caller.tag);
    }
  }
  if (fields.origin !== undefined) {
    for (let index = 0; index < fields.origin.length && index < MAX_ORIGIN_IDENTITIES; index++) {
      const identity = fields.origin[index] as string;
      at = writeVarint(bytes, at, TaskTag.Origin);
      at = writeVarint(bytes, at, textSize(identity));
      at = writeText(bytes, at, identity);
    }
  }
  if (fields.priority !== undefined && fields.priority !== 0) {
    at = writeNumberField(bytes, at, TaskTag.Priority, zigzag(fields.priority));
  }
  if (fields.runTimeoutUs !== undefined && fields.runTimeoutUs > 0) {
    at = writeNumberField(bytes, at, TaskTag.RunTimeoutUs, fields.runTimeoutUs);
  }
  if (fields.attached === true) at = writeNumberField(bytes, at, TaskTag.Attached, 1);
  if (fields.held !== undefined) {
    for (let index = 0; index < fields.held.length && index < MAX_HELD; index++) {
      const name = fields.held[index] as string;
      at = writeVarint(bytes, at, TaskTag.Held);
      at = writeVarint(bytes, at, textSize(name));
      at = writeText(bytes, at, name);
    }
  }
  if (fields.reservation !== undefined && fields.reservation > 0) {
    at = writeNumberField(bytes, at, TaskTag.Reservation, fields.reservation);
  }
  if (fields.reserve !== undefined) {
    at = writeNumberField(bytes, at, TaskTag.Reserve, fields.reserve.length);
    at = writeBytes(bytes, at, fields.reserve, 0, fields.reserve.length);
  }
  if (fields.idempotencyKey !== undefined) {
    at = writeLateText(bytes, at, TaskTag.IdempotencyKey, fields.idempotencyKey);
  }
  if (fields.give !== undefined) at = writeLateText(bytes, at, TaskTag.Give, fields.give);
  if (fields.take !== undefined) at = writeLateText(bytes, at, TaskTag.Take, fields.take);
  return at;
}

/** An integer of 32 bits as protobuf has it in a `sint32`. */
function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/**
 * Copies a range and returns the position after the copy. Below 48 bytes a loop is quicker than the native
 * call.
 */
export function writeBytes(
  bytes: Uint8Array,
  position: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > 48) {
    bytes.set(source.subarray(start, end), position);
    return position + end - start;
  }
  let at = position;
  for (let from = start; from < end; from++) bytes[at++] = source[from] as number;
  return at;
}

/** Writes a number below field 16 × 128; its two-byte tag included. */
export function writeNumberField(bytes: Uint8Array, position: number, tag: number, value: number): number {
  bytes[position] = (tag & 0x7f) | 0x80;
  bytes[position + 1] = tag >>> 7;
  return writeVarint(bytes, position + 2, value);
}

/** A text of a field from 16 on. */
function writeLateText(bytes: Buffer, position: number, tag: number, text: string): number {
  return writeText(bytes, writeVarint(bytes, writeVarint(bytes, position, tag), textSize(text)), text);
}

function callerSize(caller: Caller): number {
  return textFieldSize(caller.id) + textFieldSize(caller.routine) + textFieldSize(caller.tag);
}

function delimited(size: number): number {
  return varintSize(size) + size;
}

function textFieldSize(text: string | undefined): number {
  return text === undefined || text === "" ? 0 : 1 + delimited(textSize(text));
}

function writeTextField(bytes: Buffer, position: number, tag: number, text: string | undefined): number {
  if (text === undefined || text === "") return position;
  return writeText(bytes, writeTextHead(bytes, position, tag, text), text);
}

function writeTextHead(bytes: Buffer, position: number, tag: number, text: string): number {
  bytes[position] = tag;
  return writeVarint(bytes, position + 1, textSize(text));
}

/**
 * Decides by brand what a value is and has it written, or refuses, with the path, what would not arrive
 * as itself. Values without parts (Date, RegExp, URL, boxed
 * ones) are written here; how the other kinds are is in the other `…-writer.ts` files.
 */
import { types } from "node:util";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { isAbortSignal } from "../../internal/is-abort-signal.ts";
import { brandOf, inheritsFromError, viewName } from "../brands.ts";
import { className } from "../class-name.ts";
import { ErrorOrigin, Extension, HEADER_PLAIN, HEADER_REFERENCES, MAX_DEPTH } from "../format.ts";
import type { PortableClass } from "../references.ts";
import { writeBuffer, writeView } from "./binary-writer.ts";
import { writeArray, writeMap, writeSet } from "./collection-writer.ts";
import { Encoding } from "./encoding.ts";
import { writeError } from "./error-writer.ts";
import { explainObject, explainPrimitive } from "./explain-unsendable.ts";
import { briefly, hasSymbolFields, refuseSymbolField, standIn, writeFields } from "./field-writer.ts";
import { explainLookAlike, looksPlain } from "./look-alikes.ts";
import { refuseFields, refuseFieldsOfString, refuseNamedField } from "./own-fields.ts";
import { ENCODE_STEP, Step } from "./trail.ts";

/** A second pass is made when views turn out to share memory; getters that give new views each time get no third. */
const MAX_PASSES = 2;

const UNSENT_VALUE = "The routine threw a value that cannot be sent.";

const OBJECT_PROTOTYPE = Object.prototype;
const ARRAY_PROTOTYPE = Array.prototype;

/** Writes values of every kind. One is used for one value at a time. */
export class ValueWriter extends Encoding {
  /** Writes a whole payload. */
  encode(value: unknown): void {
    for (let pass = 1; ; pass++) {
      this.begin();
      this.writeByte(HEADER_PLAIN);
      this.writeValue(value);
      if (this.sharing?.conflict !== true || pass === MAX_PASSES) break;
      this.sharing.settle();
      this.resetPass();
    }
    if (this.referenced) this.bytes[this.start] = HEADER_REFERENCES;
  }

  writeValue(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.writeString(value);
        return;
      case "number":
        this.writeNumber(value);
        return;
      case "boolean":
        this.writeByte(value ? 0xc3 : 0xc2);
        return;
      case "object":
        if (value === null) this.writeByte(0xc0);
        else if (this.lenient) this.#writeLeniently(value);
        else this.#writeObject(value);
        return;
      case "undefined":
        this.writeNumberExtension(Extension.UNDEFINED, 0);
        return;
      case "bigint":
        this.writeBigInt(value);
        return;
      default:
        if (this.lenient) this.#writeLeniently(value);
        else this.#writeCallable(value);
    }
  }

  #writeObject(value: object): void {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === OBJECT_PROTOTYPE) this.#writePlain(value);
    else if (prototype === ARRAY_PROTOTYPE && Array.isArray(value)) writeArray(this, value);
    else if (prototype === null) this.#writeNullObject(value);
    else this.#writeBranded(value, prototype);
  }

  #writePlain(value: object): void {
    if (!looksPlain(value) && this.#wroteLookAlike(value)) return;
    if (this.wroteReference(value)) return;
    this.enter(Step.PROPERTY);
    if (hasSymbolFields(value)) refuseSymbolField(this, value);
    writeFields(this, value);
    this.leave();
  }

  #writeNullObject(value: object): void {
    if (!looksPlain(value) && this.#wroteLookAlike(value)) return;
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.NULL_OBJECT);
    this.enter(Step.PROPERTY);
    if (hasSymbolFields(value)) refuseSymbolField(this, value);
    const fields = writeFields(this, value);
    this.leave();
    this.closeExtension(extension);
    if (fields === 0) this.#refuseLookAlike(value);
  }

  /** Writes an error that has the prototype of a plain object or none, or refuses another thing that has. */
  #wroteLookAlike(value: object): boolean {
    if (types.isNativeError(value)) {
      this.#writeOddError(value);
      return true;
    }
    this.#refuseLookAlike(value);
    return false;
  }

  /** An error by its making, or by what it inherits, whose prototype does not show it. */
  #writeOddError(error: object): void {
    if (!this.lenient) return this.#writeErrorLeniently(error);
    writeError(this, error, {
      prototype: Object.getPrototypeOf(error) as object | null,
      portable: undefined,
    });
  }

  #refuseLookAlike(value: object): void {
    const why = explainLookAlike(value);
    if (why !== undefined) this.refuse(why);
  }

  #writeBranded(value: object, prototype: object): void {
    const portable = this.options.references.portableByPrototype(prototype);
    const brand = brandOf(value, prototype);
    if (brand === "error") {
      // One frame less for each error of a chain: a thousand must fit on the stack.
      if (this.lenient) return writeError(this, value, { prototype, portable });
      return this.#writeErrorLeniently(value);
    }
    if (portable !== undefined) return this.#writeInstance(value, portable);
    switch (brand) {
      case "object":
        return this.#writePlain(value);
      case "array":
        return writeArray(this, value as unknown[]);
      case "map":
        return writeMap(this, value as Map<unknown, unknown>);
      case "set":
        return writeSet(this, value as Set<unknown>);
      case "buffer":
        return writeBuffer(this, value as ArrayBuffer);
      case "view":
        return writeView(this, value as ArrayBufferView, viewName(value as ArrayBufferView, prototype) ?? "");
      case "signal":
        refuseNamedField(this, value); // those under symbols are the platform's own
        return this.#writeSignal(value as AbortSignal);
      case "class-instance":
        return this.#writeReferredObject(value, prototype);
      default:
        return this.#writeScalarObject(value, brand);
    }
  }

  /** Writes an error that stands among values which are exact or refused. What is inside it may be replaced. */
  #writeErrorLeniently(error: object): void {
    if (this.depth >= MAX_DEPTH) this.refuseDepth();
    this.lenient = true;
    try {
      this.#writeLeniently(error);
    } finally {
      this.lenient = false;
    }
  }

  /** Objects that hold one scalar or a few: they contain nothing that is an object itself. */
  #writeScalarObject(value: object, brand: "date" | "regexp" | "url" | "url-search-params" | "boxed"): void {
    if (this.wroteReference(value)) return;
    const boxed: unknown = brand === "boxed" ? value.valueOf() : undefined;
    if (typeof boxed === "string") refuseFieldsOfString(this, value, boxed.length);
    else refuseFields(this, value);
    if (brand === "date") {
      this.reserve(10);
      this.bytes[this.position] = 0xd7;
      this.bytes[this.position + 1] = Extension.DATE;
      this.view.setFloat64(this.position + 2, Date.prototype.getTime.call(value));
      this.position += 10;
      return;
    }
    if (brand === "regexp") {
      const { source, flags, lastIndex } = value as { source: string; flags: string; lastIndex: unknown };
      if (typeof lastIndex !== "number") this.refuse("its lastIndex is no number; set one");
      const extension = this.openExtension(Extension.REGEXP);
      this.writeString(source);
      this.writeString(flags);
      this.writeNumber(lastIndex);
      this.closeExtension(extension);
      return;
    }
    if (brand === "boxed") {
      if (typeof boxed === "symbol" || typeof boxed === "object")
        this.refuse("it is a boxed symbol; send a string");
      const extension = this.openExtension(Extension.BOXED);
      this.enter(Step.PROPERTY);
      this.writeValue(boxed);
      this.leave();
      this.closeExtension(extension);
      return;
    }
    const extension = this.openExtension(brand === "url" ? Extension.URL : Extension.URL_SEARCH_PARAMS);
    this.writeString(String(value));
    this.closeExtension(extension);
  }

  #writeInstance(value: object, portable: PortableClass): void {
    this.#refuseConflict(portable);
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.INSTANCE);
    this.enter(Step.PROPERTY);
    this.writeClass(portable);
    const hook = portable.encode;
    if (hook === undefined) {
      if (hasSymbolFields(value)) refuseSymbolField(this, value);
      writeFields(this, value);
    } else {
      this.enterHooked();
      this.at(ENCODE_STEP);
      this.writeValue(hook(value));
      this.leaveHooked();
    }
    this.leave();
    this.closeExtension(extension);
  }

  #refuseConflict({ id, conflict }: { readonly id: string; readonly conflict?: string | undefined }): void {
    if (conflict !== undefined) this.refuse(`'${id}' has no meaning to other processes: ${conflict}`);
  }

  #writeSignal(signal: AbortSignal): void {
    const { signals } = this.options;
    if (signals === undefined) this.refuse("an AbortSignal travels only among the arguments of a call");
    if (this.wroteReference(signal)) return;
    this.writeNumberExtension(Extension.SIGNAL, this.signalIndex(signal, signals));
  }

  #writeCallable(value: unknown): void {
    if (typeof value !== "function") this.refuse(explainPrimitive(value));
    const { references } = this.options;
    if (references.describeRoutine(value) !== undefined) return this.#writeRoutine(value);
    const portable = references.portableByConstructor(value);
    if (portable === undefined) this.refuse(references.explainFunction?.(value) ?? explainPrimitive(value));
    this.#refuseConflict(portable);
    if (this.wroteReference(value)) return;
    const extension = this.openExtension(Extension.CLASS);
    this.writeClass(portable);
    this.closeExtension(extension);
  }

  /** Instances of classes nobody registered: a routine that is an object, another realm's signal, or refused. */
  #writeReferredObject(value: object, prototype: object): void {
    if (this.options.references.describeRoutine(value) !== undefined) return this.#writeRoutine(value);
    if (isAbortSignal(value)) return this.#writeSignal(value);
    if (inheritsFromError(prototype)) return this.#writeOddError(value);
    this.refuse(explainObject(value, prototype));
  }

  #writeRoutine(value: object): void {
    if (this.wroteReference(value)) return;
    const reference = this.options.references.describeRoutine(value);
    if (reference !== undefined) this.#refuseConflict(reference);
    const extension = this.openExtension(Extension.ROUTINE);
    this.writeString(reference?.id ?? "");
    this.writeOptionalString(reference?.module);
    this.writeByte(reference?.generator === true ? 0xc3 : 0xc2);
    this.closeExtension(extension);
  }

  /** Writes a value, or in its place something that says what kept it from being sent. */
  #writeLeniently(value: unknown): void {
    const checkpoint = this.checkpoint();
    try {
      if (typeof value !== "object") this.#writeCallable(value);
      else this.#writeObject(value as object);
    } catch (problem) {
      this.lenient = true; // it may have failed in what an `[encode]` gave
      this.restore(checkpoint);
      const why = this.#explain(problem);
      if (this.depth < MAX_DEPTH && isError(value)) this.#writeFailedError(value, why);
      else if (checkpoint.depth > 0) this.writeString(standIn(why));
      else this.#writeSubstitute(value, `${UNSENT_VALUE} ${why}`);
    }
  }

  /** An error stays an error: if its `[encode]` is to blame, it arrives with everything but its class. */
  #writeFailedError(error: object, why: string): void {
    const prototype = safePrototype(error) ?? null;
    const portable = prototype === null ? undefined : this.options.references.portableByPrototype(prototype);
    if (portable?.encode !== undefined) {
      const checkpoint = this.checkpoint();
      try {
        writeError(this, error, { prototype, portable: undefined, note: ["value", standIn(why)] });
        return;
      } catch {
        this.restore(checkpoint);
      }
    }
    this.#writeSubstitute(error, `This error could not be sent. ${why}`);
  }

  #explain(problem: unknown): string {
    return problem instanceof NotSerializableError ? problem.message : `${this.path()}: ${briefly(problem)}`;
  }

  /** An error that stands for a value that cannot be sent at all. */
  #writeSubstitute(value: unknown, message: string): void {
    const prototype = typeof value === "object" && value !== null ? safePrototype(value) : undefined;
    this.wroteReference({});
    const extension = this.openExtension(Extension.ERROR);
    this.writeNumber(ErrorOrigin.UNKNOWN);
    const name = (prototype && className(prototype)) ?? typeof value;
    this.writeString(name);
    this.writeByte(0xc0);
    this.writeString(message);
    // Without a first line of its own, what is printed would not say what happened.
    this.writeOptionalString(this.marker === undefined ? undefined : `${name}: ${message}${this.marker}`);
    this.writeByte(0x80);
    this.writeByte(0x80);
    this.closeExtension(extension);
  }

  /** Writes, as the whole payload, an error that says that the value cannot be sent. */
  substitute(value: unknown, why: string): void {
    this.begin();
    this.writeByte(HEADER_PLAIN);
    this.#writeSubstitute(value, `${UNSENT_VALUE} ${why}`);
  }
}

function isError(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = safePrototype(value);
  try {
    return types.isNativeError(value) || (prototype !== undefined && brandOf(value, prototype) === "error");
  } catch {
    return false;
  }
}

function safePrototype(value: object): object | undefined {
  try {
    return Object.getPrototypeOf(value) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads a value by its first token. The other `…-reader.ts` files read the kinds of values that have a format
 * of their own. Runs no code from the bytes, imports nothing, assigns nothing to prototypes.
 */

import { minifiedHint } from "../../identity/declaration.ts";
import { identityFault } from "../../identity/identity.ts";
import { isTainted, NETWORK } from "../../identity/taint.ts";
import { Extension, HEADER_PLAIN, HEADER_REFERENCES } from "../format.ts";
import type { PortableClass } from "../references.ts";
import { readArray, readShortArray } from "./array-reader.ts";
import { readBuffer, readBytes, readPart, readView, readViewBytes, readViewPart } from "./binary-reader.ts";
import { Decoding, defineField } from "./decoding.ts";
import { readError, readFieldsOf, readMapHead } from "./error-reader.ts";
import { NumberedObjects } from "./numbered-objects.ts";
import { readObject } from "./object-reader.ts";
import { readPlatform } from "./platform/platform-reader.ts";
import { readSearchParams, readUrl } from "./url-reader.ts";

const IDENTITY = /^[\w@./~+$-]{1,200}#[\w$.]{1,100}$/;

/** Reads values of every kind. One is used for one payload at a time. */
export class ValueReader extends Decoding {
  /** Reads a whole payload. */
  decode(): unknown {
    const header = this.readByte();
    if (header !== HEADER_PLAIN && header !== HEADER_REFERENCES) this.fail("it is of another format");
    if (header === HEADER_REFERENCES) this.objects = new NumberedObjects();
    const value = this.readValue();
    if (this.position !== this.end) this.fail("there is more after its end");
    return value;
  }

  readValue(): unknown {
    if (this.position >= this.end) this.fail("it ends too early");
    const token = this.bytes[this.position++] as number;
    if (token < 0x80) return token;
    if (token < 0x90) return readObject(this, token & 0x0f);
    if (token < 0x93) return readShortArray(this, token & 0x0f);
    if (token < 0xa0) return readArray(this, token & 0x0f);
    if (token < 0xc0) return this.readText(token & 0x1f);
    if (token >= 0xe0) return token - 0x100;
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return readBytes(this, this.readByte());
      case 0xc5:
        return readBytes(this, this.readUint16());
      case 0xc6:
        return readBytes(this, this.readUint32());
      case 0xcf:
      case 0xd3:
        return this.readInt64(token);
      case 0xd9:
        return this.readText(this.readByte());
      case 0xda:
        return this.readText(this.readUint16());
      case 0xdb:
        return this.readText(this.readUint32());
      case 0xdc:
        return readArray(this, this.readUint16());
      case 0xdd:
        return readArray(this, this.readUint32());
      case 0xde:
        return readObject(this, this.readUint16());
      case 0xdf:
        return readObject(this, this.readUint32());
      default: {
        const length = this.extensionLength(token);
        return length === undefined ? this.readNumberBody(token) : this.#readExtension(length);
      }
    }
  }

  #readExtension(length: number): unknown {
    const type = this.readByte();
    const end = this.position + length;
    const value = this.#readExtensionBody(type, length, end);
    if (this.position !== end) this.fail("an extension does not end where it says");
    return value;
  }

  #readExtensionBody(type: number, length: number, end: number): unknown {
    switch (type) {
      case Extension.UNDEFINED:
        if (this.readNumberOf(length) !== 0) this.failHere("it holds an unknown simple value");
        return undefined;
      case Extension.REFERENCE:
        return this.reference(this.readNumberOf(length));
      case Extension.UTF16:
        return this.readUtf16(length);
      case Extension.LATIN1:
        return this.readLatin1(length);
      case Extension.BIGINT:
        return this.readWideBigInt(length);
      case Extension.DATE:
        return this.#made(new Date(this.readFloat64()));
      case Extension.REGEXP:
        return this.#readRegExp();
      case Extension.MAP:
        return this.#readMap(end);
      case Extension.SET:
        return this.#readSet(end);
      case Extension.ARRAY_WITH_FIELDS:
        return this.#readArrayWithFields(end);
      case Extension.NULL_OBJECT:
        return this.#readNullObject();
      case Extension.BUFFER:
        return readBuffer(this, length);
      case Extension.VIEW_BYTES:
        return readViewBytes(this, length);
      case Extension.PART:
        return readPart(this, this.readNumberOf(length));
      case Extension.VIEW_PART:
        return readViewPart(this, length);
      case Extension.VIEW:
        return readView(this);
      case Extension.BOXED:
        return this.#readBoxed();
      case Extension.URL:
        return this.#made(readUrl(this));
      case Extension.URL_SEARCH_PARAMS:
        return this.#made(readSearchParams(this));
      case Extension.ERROR:
        return readError(this);
      case Extension.INSTANCE:
        return this.#readInstance();
      case Extension.CLASS:
        return this.#readClassItself();
      case Extension.ROUTINE:
        return this.#readRoutine(false);
      case Extension.TAINTED_ROUTINE:
        return this.#readRoutine(true);
      case Extension.FLOW:
        return this.#readFlow();
      case Extension.SIGNAL:
        return this.#readSignal(this.readNumberOf(length));
      case Extension.ATTACHMENT:
        return this.#made(this.takeAttachment(this.readNumberOf(length)));
      case Extension.FILE:
        return this.#readFile();
      default:
        return (
          readPlatform(this, type, end) ??
          this.failHere("it holds a kind of value that this version does not know")
        );
    }
  }

  #made<T>(object: T): T {
    this.register(object);
    return object;
  }

  #readFile(): File {
    const index = this.reserve();
    const blob = this.takeAttachment(this.readCount());
    if (!(blob instanceof Blob)) this.fail("a file is no blob");
    const name = this.readString();
    const file = new File([blob], name, { type: blob.type, lastModified: this.readNumber() });
    this.settle(index, file);
    return file;
  }

  #readRegExp(): RegExp {
    const index = this.reserve();
    const expression = new RegExp(this.readString(), this.readString());
    expression.lastIndex = this.readNumber();
    this.settle(index, expression);
    return expression;
  }

  #readMap(end: number): Map<unknown, unknown> {
    const map = this.#made(new Map<unknown, unknown>());
    this.enter();
    while (this.position < end) {
      const key = this.readValue();
      map.set(key, this.readValue());
    }
    this.leave();
    return map;
  }

  #readSet(end: number): Set<unknown> {
    const set = this.#made(new Set<unknown>());
    this.enter();
    while (this.position < end) set.add(this.readValue());
    this.leave();
    return set;
  }

  #readArrayWithFields(end: number): unknown[] {
    const token = this.readByte();
    let length: number;
    if (token >= 0x90 && token <= 0x9f) length = token & 0x0f;
    else if (token === 0xdc) length = this.readUint16();
    else if (token === 0xdd) length = this.readUint32();
    else return this.fail("an array was expected");
    const array = readArray(this, length);
    this.enter();
    while (this.position < end) {
      const key = this.readKey();
      // `length` is the one own property an array has from the start.
      if (key === "length") this.fail("an array has a second length");
      defineField(array, key, { value: this.readValue(), assignable: false });
    }
    this.leave();
    return array;
  }

  #readNullObject(): object {
    const object = this.#made(Object.create(null) as object);
    this.enter();
    for (let rest = readMapHead(this); rest > 0; rest--) {
      const key = this.readKey();
      defineField(object, key, { value: this.readValue(), assignable: true });
    }
    this.leave();
    return object;
  }

  #readBoxed(): object {
    const index = this.reserve();
    this.enter();
    const primitive = this.readValue();
    this.leave();
    if (
      (typeof primitive === "object" && primitive !== null) ||
      primitive === undefined ||
      primitive === null
    ) {
      this.fail("a boxed value is not a primitive");
    }
    const boxed = new Object(primitive) as object;
    this.settle(index, boxed);
    return boxed;
  }

  #readInstance(): unknown {
    this.enter();
    const index = this.reserve();
    const portable = this.#knownClass();
    let instance: unknown;
    if (portable.decode === undefined) {
      instance = Object.create(portable.constructor.prototype as object);
      this.settle(index, instance);
      readFieldsOf(this, instance as object);
    } else {
      instance = this.runHook(portable.decode, this.readValue());
      this.settle(index, instance);
    }
    this.leave();
    return instance;
  }

  #readClassItself(): unknown {
    const index = this.reserve();
    const portable = this.#knownClass();
    this.settle(index, portable.constructor);
    return portable.constructor;
  }

  #knownClass(): PortableClass {
    const { id, portable } = this.readClass();
    if (portable === undefined) this.failHere(unknownClass(id));
    if (portable.conflict !== undefined)
      this.failHere(`it holds an instance of '${portable.id}', but here ${portable.conflict}`);
    return portable;
  }

  /** @param marked Whether its sender says that it is tainted. */
  #readRoutine(marked: boolean): unknown {
    const index = this.reserve();
    const id = this.readString();
    const named = marked ? undefined : this.readOptionalString();
    const token = this.readByte();
    if (token !== 0xc2 && token !== 0xc3) this.fail("a routine has an odd form");
    const tainted = isTainted(this.options.source ?? NETWORK, marked);
    if (tainted && identityFault(id) !== undefined)
      this.failHere("it names a routine by what is no identity");
    const module = tainted ? undefined : named;
    const routine = this.options.references.resolveRoutine({
      id,
      module,
      generator: token === 0xc3,
      tainted,
    });
    this.settle(index, routine);
    return routine;
  }

  #readFlow(): unknown {
    const { flows } = this.options;
    if (flows === undefined)
      this.fail("it holds an iterable, a stream or a callback, which only the arguments of a call may");
    const flow = flows.flowOf(this.readCount(), this.readCount());
    if (typeof flow === "string") this.failHere(flow);
    this.register(flow);
    return flow;
  }

  #readSignal(index: number): AbortSignal {
    const { signals } = this.options;
    if (signals === undefined) this.fail("it holds an abort signal, which only the arguments of a call may");
    return this.#made(signals.get(index));
  }
}

/** Names the class only when its id has the form of an identity: free text of a payload is never quoted. */
function unknownClass(id: string): string {
  const isIdentity = IDENTITY.test(id);
  return `it holds an instance of a class${isIdentity ? ` '${id}'` : ""} that is not registered here; import the module that calls portable() for it${isIdentity ? minifiedHint(id) : ""}`;
}

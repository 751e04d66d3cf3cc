/** Writes built-in objects that hold one scalar or a few, and nothing that is an object itself. */
import { Extension } from "../format.ts";
import type { Encoding } from "./encoding.ts";
import { refuseFields, refuseFieldsOfString } from "./own-fields.ts";
import { Step } from "./trail.ts";

const timeOf = Date.prototype.getTime;

/** Writes such an object. @param brand Which of them it is. */
export function writeScalarObject(
  encoding: Encoding,
  object: object,
  brand: "date" | "regexp" | "url" | "url-search-params" | "boxed",
): void {
  if (encoding.wroteReference(object)) return;
  if (brand === "boxed") return writeBoxed(encoding, object);
  refuseFields(encoding, object);
  if (brand === "date") writeDate(encoding, object);
  else if (brand === "regexp") writeRegExp(encoding, object as RegExp);
  else {
    const extension = encoding.openExtension(brand === "url" ? Extension.URL : Extension.URL_SEARCH_PARAMS);
    encoding.writeString(String(object));
    encoding.closeExtension(extension);
  }
}

function writeDate(encoding: Encoding, date: object): void {
  encoding.reserve(10);
  encoding.bytes[encoding.position] = 0xd7;
  encoding.bytes[encoding.position + 1] = Extension.DATE;
  encoding.view.setFloat64(encoding.position + 2, timeOf.call(date));
  encoding.position += 10;
}

function writeRegExp(encoding: Encoding, expression: RegExp): void {
  const { source, flags } = expression;
  const lastIndex: unknown = expression.lastIndex;
  if (typeof lastIndex !== "number") encoding.refuse("its lastIndex is no number; set one");
  const extension = encoding.openExtension(Extension.REGEXP);
  encoding.writeString(source);
  encoding.writeString(flags);
  encoding.writeNumber(lastIndex);
  encoding.closeExtension(extension);
}

function writeBoxed(encoding: Encoding, boxed: object): void {
  const primitive: unknown = boxed.valueOf();
  if (typeof primitive === "string") refuseFieldsOfString(encoding, boxed, primitive.length);
  else refuseFields(encoding, boxed);
  if (typeof primitive === "symbol" || typeof primitive === "object") {
    encoding.refuse("it is a boxed symbol; send a string");
  }
  const extension = encoding.openExtension(Extension.BOXED);
  encoding.enter(Step.PROPERTY);
  encoding.writeValue(primitive);
  encoding.leave();
  encoding.closeExtension(extension);
}

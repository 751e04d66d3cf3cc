/** Writes objects of the platform whose content is in no field, for readers that know how to make them again. */
import type { IntlKind, TemporalKind } from "../../format.ts";
import { platformKindOf, type WebKind } from "../../platform/platform-kinds.ts";
import type { Encoding } from "../encoding.ts";
import { explainObject } from "../explain-unsendable.ts";
import { refuseNamedField } from "../own-fields.ts";
import { writeIntl } from "./intl-writer.ts";
import { writeTemporal } from "./temporal-writer.ts";
import { WEB_WRITERS } from "./web-writer.ts";

/** Writes an object of the platform. @returns Whether it is one, and may be here. */
export function wrotePlatform(encoding: Encoding, object: object, prototype: object): boolean {
  if (encoding.options.platform !== true) return false;
  const kind = platformKindOf(prototype);
  if (kind === undefined) return false;
  if (encoding.wroteReference(object)) return true;
  refuseNamedField(encoding, object); // fields under symbols belong to the platform
  encoding.platform ??= { path: encoding.path(), why: () => explainObject(object, prototype) };
  const { namespace, name } = kind;
  if (namespace === "Intl") writeIntl(encoding, object, name as IntlKind);
  else if (namespace === "Temporal") writeTemporal(encoding, object, name as TemporalKind);
  else WEB_WRITERS[name as WebKind](encoding, object as never);
  return true;
}

/** What tells one object of the platform from another, as data; `undefined` for an object that is none. */
export function platformContent(object: object): unknown {
  if (object instanceof Headers || object instanceof FormData) return [...object];
  if (object instanceof File) return [object.name, object.lastModified, object.type, object.size];
  if (object instanceof Blob) return [object.type, object.size];
  if (object instanceof Request) return [object.method, object.url, object.redirect, [...object.headers]];
  if (object instanceof Response) return [object.status, object.statusText, object.type, [...object.headers]];
  if (object instanceof Intl.Locale) return String(object);
  const { resolvedOptions } = object as { readonly resolvedOptions?: () => unknown };
  return typeof resolvedOptions === "function" ? resolvedOptions.call(object) : undefined;
}

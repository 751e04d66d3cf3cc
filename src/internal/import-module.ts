/** Imports a module by its URL, which only the running program knows. All of the library's uses come here. */

/**
 * Imports a module.
 *
 * @param url `file:` URL.
 * @throws What the import rejects with.
 */
export function importModule(url: string): Promise<unknown> {
  // A bundler that takes the library in must leave this to Node.
  return import(/* webpackIgnore: true */ /* @vite-ignore */ url);
}

/**
 * Imports a module when it is first needed, and from then on asks nobody: a loader of the program's own, such as tsx, is
 * asked anew at each `import()`, in another thread.
 *
 * @param load Imports it. Called again if that has failed, as where no file could be opened.
 */
export function loadOnce<M>(load: () => Promise<M>): () => Promise<M> {
  let loaded: Promise<M> | undefined;
  return () => {
    if (loaded !== undefined) return loaded;
    loaded = load();
    loaded.catch(() => {
      loaded = undefined;
    });
    return loaded;
  };
}

/** Tests that need what only root may do: namespaces, mounts, limits of the kernel's. Elsewhere they are skipped, and said to be. */

/** Options of a test for root. */
export const ROOT_ONLY: { readonly skip: string | false } = {
  skip: process.platform === "linux" && process.getuid?.() === 0 ? false : "takes Linux and root",
};

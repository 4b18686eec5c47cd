/**
 * What we are ready to read into memory on the word of a stranger. The distribution spec asks for manifests of
 * at least 4 MiB; the largest eBPF objects known are a few MiB.
 */
export const MAX_MANIFEST = 4 * 1024 * 1024;
export const MAX_CONFIG = 1024 * 1024;
export const MAX_PROGRAM = 64 * 1024 * 1024;
/** `index.json` of a store: some 300 bytes an image. */
export const MAX_STORE_INDEX = 32 * 1024 * 1024;
/** Layers of a manifest, manifests of an image index. */
export const MAX_DESCRIPTORS = 1000;

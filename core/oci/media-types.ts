/** OCI image spec, media-types.md. */
export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

/** Docker's names for what OCI named later: container images only, never probes. */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** BumbleBee's: the config is `{}`, the layer is the ELF object. */
export const PROBE_CONFIG = 'application/ebpf.oci.image.config.v1+json';
export const PROBE_PROGRAM = 'application/ebpf.oci.image.program.v1+binary';

/** OCI image spec, annotations.md. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
export const TITLE = 'org.opencontainers.image.title';
export const AUTHORS = 'org.opencontainers.image.authors';
export const DESCRIPTION = 'org.opencontainers.image.description';
export const SOURCE = 'org.opencontainers.image.source';
export const LICENSES = 'org.opencontainers.image.licenses';
export const CREATED = 'org.opencontainers.image.created';

/** Docker's name for the registry, and the host that serves its API. */
const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_HOST = 'registry-1.docker.io';

/** Where the API of a registry is: `docker.io` is served elsewhere. */
export function apiHost(registry: string): string {
  return registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry;
}

/** The key under which Docker keeps the credentials of a registry. */
export function credentialKey(registry: string): string {
  return registry === DOCKER_HUB || registry === DOCKER_HUB_HOST || registry === 'index.docker.io'
    ? 'https://index.docker.io/v1/'
    : registry;
}

/** `localhost`, 127.0.0.0/8 and ::1, with or without a port: Docker speaks plain HTTP there. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

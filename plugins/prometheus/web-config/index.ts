export { WebConfigError } from './error.js';
export { WebGuard } from './guard.js';

/** A web config that cannot be used. Nothing is served without the protection that was asked for: `fatal`. */
export class WebConfigError extends Error {
  override readonly name = 'WebConfigError';
  readonly fatal = true;
}

// The build has this say the same of the bundle's copy (rolldown.config.js): the agent and a sink in it share one SDK.
export * from './exports.js';

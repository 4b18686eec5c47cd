export { load, saveCodeCache } from './load.js';

export { load, loadedScripts, saveCodeCache } from './load.js';

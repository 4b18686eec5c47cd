/** From C source to a BPF object, with the machine's own clang. */
export { buildScriptText, type CompileInput, compile } from './compile.js';
export { defaultOutputFile, writeOutputFile } from './output-file.js';
export { type Target, targetOf } from './target.js';

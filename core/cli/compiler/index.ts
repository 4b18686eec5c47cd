/** From C source to a BPF object, with the machine's own clang or in a container. */
export { buildScriptText, type CompileInput, compile } from './compile.js';
export { type ContainerBuilder, DEFAULT_BUILD_IMAGE } from './container.js';
export { defaultOutputFile, writeOutputFile } from './output-file.js';
export { type Target, targetsOf } from './target.js';

export { View, type ViewOptions } from './view.js';

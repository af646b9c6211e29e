import type { Plugin } from 'esbuild';

export declare const withoutHttpClient: Plugin;

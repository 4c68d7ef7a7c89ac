import { SettingsError } from '@fanfare/core';
import type uWS from 'uWebSockets.js';

export type Uws = typeof uWS;

/** Loads the native library, or says what this platform lacks instead of a loader's message. */
export async function loadUws(): Promise<Uws> {
  try {
    const module: { readonly default: Uws } = await import('uWebSockets.js');
    return module.default;
  } catch (error) {
    throw new SettingsError([
      [
        `uWebSockets.js has no binary that loads here: ${firstLine(error)}`,
        `  this is Node ${process.versions.node} (ABI ${process.versions.modules}) on ${process.platform}-${process.arch}, ${libc()}`,
        '  Node 20 needs glibc 2.27 or newer, Node 22 and 24 need glibc 2.38; musl (Alpine) is not supported.',
        '  With access to its own repository: npm i uWebSockets.js@github:uNetworking/uWebSockets.js#v20.52.0 -w packages/edge',
      ].join('\n'),
    ]);
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}

function libc(): string {
  const report: unknown = process.report.getReport();
  const header =
    typeof report === 'object' && report !== null && 'header' in report ? report.header : undefined;
  const version =
    typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header
      ? header.glibcVersionRuntime
      : undefined;
  return typeof version === 'string' ? `glibc ${version}` : 'no glibc';
}

/** The command line is as it should be, and what it asks for cannot be had; exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

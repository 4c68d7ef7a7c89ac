export { Inbox, within } from '../../../test/support/inbox.ts';

import { appendContract } from './append-contract.ts';
import { countContract } from './count-contract.ts';
import { doubtsContract } from './doubts-contract.ts';
import { freeNamesContract } from './free-names-contract.ts';
import { idleContract } from './idle-contract.ts';
import { joinContract } from './join-contract.ts';
import { occupancyContract } from './occupancy-contract.ts';
import { outboxContract } from './outbox-contract.ts';
import { presenceContract } from './presence-contract.ts';
import { usersContract } from './users-contract.ts';
import type { OpenState } from './state-story.ts';

/** What every state store means, whatever it is made of. */
export function stateContract(implementation: string, openState: OpenState): void {
  occupancyContract(implementation, openState);
  countContract(implementation, openState);
  doubtsContract(implementation, openState);
  idleContract(implementation, openState);
  presenceContract(implementation, openState);
  usersContract(implementation, openState);
  joinContract(implementation, openState);
  outboxContract(implementation, openState);
  appendContract(implementation, openState);
  freeNamesContract(implementation, openState);
}

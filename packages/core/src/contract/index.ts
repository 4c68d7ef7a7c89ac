export { busContract, type OpenBus } from './bus-contract.ts';

import { channelOfKey, type ChannelKey } from '@fanfare/protocol';
import { isFailure } from '../../failure.ts';
import type { Subject } from '../../ports/state.ts';
import { reporterOptions, type ReporterStore } from '../../state/reporter-parts.ts';
import { PartitionReporter } from '../../state/reporter.ts';
import { parseSubjectKey, subjectKey, type SubjectKey } from '../../state/subject.ts';
import type { Network, Process } from './network.ts';
import { IDLE, type World } from './world.ts';

export interface FuzzChannel {
  readonly key: ChannelKey;
  readonly presence: boolean;
  /** The app has a webhook for it. */
  readonly told: boolean;
  /** The app has a webhook that hears its count. */
  readonly counted: boolean;
}

type Member = Extract<Subject, { kind: 'member' }>;

interface Socket {
  readonly channel: FuzzChannel;
  readonly member: Member | undefined;
  open: boolean;
  /** It counts for the channel; a member's only once it was let in. */
  isIn: boolean;
}

const MEMBERS_MAX = 4;
const TICK_MS = 50;
/** Longer than a new store announces nothing, shorter than an edge may be paused. */
const APPEND_MS = 10_000;
const APPENDS_MAX = 50;

/** An edge with sockets that come and go, and the reporter that speaks for it. */
export class FuzzEdge implements Process {
  pausedUntilMs = 0;
  fences = 0;
  /** What was said on its sockets and is kept for the app. */
  readonly kept: string[] = [];
  readonly #name: string;
  readonly #world: World;
  readonly #reporter: PartitionReporter;
  readonly #counts = new Map<SubjectKey, number>();
  #sockets: Socket[] = [];
  #crashed = false;
  #said = 0;

  constructor(
    name: string,
    parts: {
      readonly world: World;
      readonly network: Network;
      readonly store: ReporterStore;
      readonly partition: number;
      readonly isTold: (channel: ChannelKey) => boolean;
      readonly isCounted: (channel: ChannelKey) => boolean;
    },
  ) {
    this.#name = name;
    this.#world = parts.world;
    let incarnations = 0;
    this.#reporter = new PartitionReporter(parts.partition, {
      store: throughNetwork(parts.store, parts.network, this),
      source: {
        count: (subject) => this.#counts.get(subjectKey(subject)) ?? 0,
        info: () => '{"a":1}',
        told: ({ channel }) => parts.isTold(channel),
        wish: ({ kind, channel }) =>
          kind === 'channel' && parts.isCounted(channel)
            ? { subscribers: true, app: true, asked: false }
            : undefined,
        held: () => [...this.#counts.keys()].map(parseSubjectKey),
      },
      events: {
        fenced: () => {
          this.fences += 1;
        },
        stateLost() {},
        reported() {},
        failed() {},
      },
      // What the others find must not depend on the audit that comes once a minute.
      options: { ...reporterOptions, auditMs: Infinity },
      newIncarnation: () => {
        incarnations += 1;
        return `${name}.${incarnations}`;
      },
      random: this.#world.random,
      appendRoom: { left: APPENDS_MAX },
      onAwaited: () => {
        // Soon, as every call of this edge; the tick does the rest.
        this.#world.after(1, () => this.#serve());
      },
    });
    this.#tick();
  }

  get counts(): ReadonlyMap<SubjectKey, number> {
    return this.#counts;
  }

  get isPaused(): boolean {
    return this.#world.nowMs < this.pausedUntilMs;
  }

  open(channel: FuzzChannel, user: string): void {
    const member = channel.presence
      ? ({ kind: 'member', channel: channel.key, user } as const)
      : undefined;
    const socket: Socket = { channel, member, open: true, isIn: member === undefined };
    this.#sockets.push(socket);
    if (member === undefined) {
      this.#count({ kind: 'channel', channel: channel.key }, 1);
      return;
    }
    this.#count(member, 1);
    void this.#join(socket, member);
  }

  async #join(socket: Socket, member: Member): Promise<void> {
    try {
      const untilMs = this.#world.nowMs + this.#world.between(500, 10_000);
      const { full } = await this.#reporter.join(member, '{"a":1}', MEMBERS_MAX, untilMs);
      if (full) this.#close(socket);
      else this.#letIn(socket);
    } catch (error) {
      // Nobody answered in time; or the edge left meanwhile, and then nothing is to be done.
      if (isFailure(error, 'unavailable')) this.#close(socket);
      else if (!isFailure(error, 'closed')) throw error;
    }
  }

  #letIn(socket: Socket): void {
    if (!socket.open || this.#crashed) return;
    socket.isIn = true;
    this.#count({ kind: 'channel', channel: socket.channel.key }, 1);
  }

  closeOne(): void {
    if (this.#sockets.length > 0) this.#close(this.#world.pick(this.#sockets));
  }

  /** One of the sockets sends a client event, as likely as not the one that came last. */
  say(): void {
    const last = this.#sockets.at(-1);
    if (last === undefined) return;
    void this.#append(this.#world.chance(0.5) ? last : this.#world.pick(this.#sockets));
  }

  async #append({ channel, member }: Socket): Promise<void> {
    this.#said += 1;
    const id = `${this.#name}:${this.#said}`;
    try {
      const untilMs = this.#world.nowMs + APPEND_MS;
      const taken = await this.#reporter.append(
        channel.key,
        {
          name: 'client_event',
          channel: channelOfKey(channel.key),
          event: channel.told ? 'client-told' : 'client-untold',
          data: id,
          socket_id: '1.1',
          ...(member !== undefined && { user_id: member.user }),
        },
        untilMs,
      );
      if (taken) this.kept.push(id);
    } catch (error) {
      if (!isFailure(error, 'unavailable')) throw error;
    }
  }

  closeAll(): void {
    for (const socket of this.#sockets) this.#close(socket);
  }

  /** Nothing of it is left but what is on its way. */
  crash(): void {
    this.#crashed = true;
    this.#counts.clear();
    this.#sockets = [];
  }

  async leave(): Promise<void> {
    this.#crashed = true;
    this.#counts.clear();
    await this.#reporter.leave().catch(() => undefined);
  }

  #close(socket: Socket): void {
    if (!socket.open || this.#crashed) return;
    socket.open = false;
    this.#sockets = this.#sockets.filter((each) => each !== socket);
    if (socket.isIn) this.#count({ kind: 'channel', channel: socket.channel.key }, -1);
    if (socket.member !== undefined) this.#count(socket.member, -1);
  }

  #count(subject: Subject, change: number): void {
    const key = subjectKey(subject);
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
    this.#reporter.changed(subject);
  }

  #tick(): unknown {
    if (this.#crashed) return IDLE;
    const { nowMs } = this.#world;
    this.#world.after(Math.max(TICK_MS, this.pausedUntilMs - nowMs), () => this.#tick());
    return this.#serve();
  }

  #serve(): unknown {
    const { nowMs } = this.#world;
    if (this.#crashed || this.isPaused || !this.#reporter.wantsToRun(nowMs)) return IDLE;
    void this.#reporter.run(nowMs);
    return undefined;
  }
}

function throughNetwork(store: ReporterStore, network: Network, process: Process): ReporterStore {
  return {
    partitions: store.partitions,
    partitionOf: (channel) => store.partitionOf(channel),
    register: (...args) => network.call(process, () => store.register(...args)),
    heartbeat: (...args) => network.call(process, () => store.heartbeat(...args)),
    tend: (...args) => network.call(process, () => store.tend(...args)),
    report: (...args) => network.call(process, () => store.report(...args)),
    join: (...args) => network.call(process, () => store.join(...args)),
    held: (...args) => network.call(process, () => store.held(...args)),
    leave: (...args) => network.call(process, () => store.leave(...args)),
    append: (...args) => network.call(process, () => store.append(...args)),
  };
}

// Types for programs that run on Waverider. They need @types/node.
//
//   import type { AppContext, ReadableApp } from 'waverider'; // a path of tsconfig.json leads here
//
//   const app: ReadableApp<{ a: number }> = async function* (this: AppContext, input) { … };

import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';

export type MaybePromise<T> = T | Promise<T>;

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL';

export type ContentType = 'application/x-ndjson' | 'text/x-ndjson' | 'text/plain' | 'application/octet-stream' | (string & {});

/** What a stream may say of itself when it goes to a Topic. */
export interface TopicDeclaration {
  topic?: string;
  contentType?: ContentType;
}

/** First item of an exported array: the input comes from a Topic. */
export interface InputDeclaration {
  requires: string;
  contentType: ContentType;
}

/** Whatever a program may return, or one function of a chain hand to the next. */
export type Streamable<T> = MaybePromise<
  | (Iterable<T> & TopicDeclaration)
  | (AsyncIterable<T> & TopicDeclaration)
  | (NodeJS.ReadableStream & TopicDeclaration)
  | (() => Streamable<T>)
  | string
  | number
  | bigint
  | boolean
  | void
>;

/**
 * The input: a Readable in object mode. Its items are values of JSON lines
 * (application/x-ndjson), strings (text/plain) or Buffers
 * (application/octet-stream). An item that came from a Topic counts as done when
 * `for await` asks for the next one; with streams and their methods, a number of
 * items later, as they work on several at a time. Methods of the scramjet library's streams (map,
 * filter, lines, JSONParse, batch, …) are there too and load the library when
 * called; their types are those of the package `scramjet`.
 */
export interface InputStream<T = any> extends Omit<Readable, ScramjetMethod | typeof Symbol.asyncIterator> {
  readonly contentType?: ContentType;
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
  /** A method of scramjet's DataStream, StringStream or BufferStream. */
  [method: string]: any;
}

type ScramjetMethod = 'map' | 'filter' | 'flatMap' | 'reduce' | 'toArray';

/** One function of a program. Use `function`, not an arrow: `this` is the context. */
export type App<In = any, Out = any, Args extends unknown[] = any[], Config = any> =
  (this: AppContext<Config>, input: InputStream<In>, ...args: Args) => Streamable<Out>;

export type ReadableApp<Out = any, Args extends unknown[] = any[], Config = any> = App<never, Out, Args, Config>;
export type TransformApp<In = any, Out = any, Args extends unknown[] = any[], Config = any> = App<In, Out, Args, Config>;
export type WritableApp<In = any, Args extends unknown[] = any[], Config = any> = App<In, void, Args, Config>;

/** What a package exports: a function, or an array of functions in a row. */
export type Program = App | [InputDeclaration | App, ...App[]];

export interface Logger {
  trace(message: unknown, ...data: unknown[]): void;
  debug(message: unknown, ...data: unknown[]): void;
  info(message: unknown, ...data: unknown[]): void;
  warn(message: unknown, ...data: unknown[]): void;
  error(message: unknown, ...data: unknown[]): void;
  fatal(message: unknown, ...data: unknown[]): void;
  write(level: LogLevel | Lowercase<LogLevel>, message: unknown, ...data: unknown[]): void;
}

export interface Health {
  healthy: boolean;
}

export type StopHandler = (timeout: number, canCallKeepalive: boolean) => MaybePromise<void>;
export type KillHandler = () => void;
export type MonitoringHandler = (soFar: Health) => MaybePromise<Health>;

/** A program's `this`. */
export interface AppContext<Config = any, State = any> {
  /** appConfig of the start request; undefined when there was none. */
  readonly config: Config;
  readonly instanceId: string;
  readonly logger: Logger;
  /** Milliseconds a program may go on after its output has ended, or after `end` or `destroy`. */
  exitTimeout: number;
  /** The state saved by the run before, undefined at the first. */
  readonly initialState: State | undefined;
  readonly hub: HostClient;
  readonly space: SpaceClient;
  readonly emitter: EventEmitter;
  readonly definition: unknown;

  /** Calls back for events sent to this Instance. */
  on(event: string, handler: (message?: any) => void): this;
  /** Sends an event to other Instances of the Hub and to users of its API. */
  emit(event: string, message?: unknown): this;

  addStopHandler(handler: StopHandler): this;
  addKillHandler(handler: KillHandler): this;
  addMonitoringHandler(handler: MonitoringHandler): this;
  stopHandler(timeout: number, canCallKeepalive: boolean): Promise<void>;
  killHandler(): void;
  monitor(): Promise<Health>;

  /** Asks for more time after a stop. */
  keepAlive(milliseconds?: number): this;
  /** This program is done: it ends when nothing is left to do, at the latest after `exitTimeout`. */
  end(): this;
  /** This program is broken; it ends like after `end`, with exit code 23. */
  destroy(error?: Error): this;
  describe(definition: unknown): this;

  /**
   * Resolves once the Hub keeps the state durably. To the Hub the state covers
   * every item the program was given so far, the one it works on included: with
   * `ack: save` none of them is given again.
   */
  save(state: State): Promise<void>;
  /** What was saved last. */
  load(): State | undefined;
}

export interface RequestInit {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A body to send: what is not bytes or text is sent as JSON, one line an item. */
export type Body = NodeJS.ReadableStream | Iterable<unknown> | AsyncIterable<unknown> | string | Uint8Array;

export interface SendOptions {
  type?: ContentType;
  /** false leaves the target open for more. */
  end?: boolean;
}

export type ClientErrorCode =
  | 'BAD_PARAMETERS' | 'NEED_AUTHENTICATION' | 'NOT_AUTHORIZED' | 'NOT_FOUND' | 'GONE' | 'INSUFFICIENT_RESOURCES'
  | 'UNPROCESSABLE_ENTITY' | 'SERVER_ERROR' | 'REQUEST_ERROR' | 'CANNOT_CONNECT';

/** What every call of a client rejects with. */
export interface ClientError extends Error {
  code: ClientErrorCode;
  /** HTTP status as text; undefined when there was no answer. */
  status?: string;
  body?: string;
  reason?: Error;
  toJSON(): Promise<any>;
}

export interface StartPayload {
  appConfig?: Record<string, unknown>;
  args?: unknown[];
  instanceId?: string;
  inputTopic?: string;
  outputTopic?: string;
  limits?: { memory?: number; cpu?: number; pids?: number; files?: number };
  restart?: 'never' | 'on-failure' | 'always';
}

export interface SequenceInfo {
  id: string;
  name?: string;
  config: Record<string, any>;
  location: string;
  instances: string[];
}

export type InstanceStatus =
  | 'initializing' | 'starting' | 'running' | 'stopping' | 'killing' | 'restarting' | 'completed' | 'errored';

export interface InstanceInfo {
  id: string;
  sequence: Omit<SequenceInfo, 'instances'>;
  status: InstanceStatus;
  appConfig?: Record<string, unknown>;
  args?: unknown[];
  provides?: string;
  requires?: string;
  created?: string;
  started?: string;
  ended?: string;
  terminated?: { exitcode: number; reason: string };
}

export interface TopicInfo {
  topic: string;
  topicName: string;
  contentType: ContentType;
  localProvider: string;
}

/** A Hub. */
export interface HostClient {
  readonly apiBase: string;
  listSequences(): Promise<SequenceInfo[]>;
  listInstances(): Promise<InstanceInfo[]>;
  listEntities(): Promise<{ sequences: SequenceInfo[]; instances: InstanceInfo[]; topics?: TopicInfo[] }>;
  /** Ids of all Sequences of a name. */
  getSequenceId(name: string): Promise<string[]>;
  getLogStream(init?: RequestInit): Promise<Readable>;
  getAuditStream(init?: RequestInit): Promise<Readable>;
  /** Uploads a package, a tar.gz. */
  sendSequence(packed: Body, init?: RequestInit): Promise<SequenceClient>;
  getSequence(id: string): Promise<SequenceInfo>;
  deleteSequence(id: string, options?: { force?: boolean }): Promise<{ id: string }>;
  getInstanceInfo(id: string): Promise<InstanceInfo>;
  getLoadCheck(): Promise<Record<string, any>>;
  getVersion(): Promise<{ service: string; apiVersion: string; version: string; build: string }>;
  getStatus(): Promise<Record<string, any>>;
  getConfig(): Promise<Record<string, any>>;
  sendTopic(topic: string, stream: Body, init?: RequestInit, contentType?: ContentType, end?: boolean): Promise<Readable>;
  sendNamedData(topic: string, stream: Body, init?: RequestInit, contentType?: ContentType, end?: boolean): Promise<Readable>;
  getTopic(topic: string, init?: RequestInit, contentType?: ContentType): Promise<Readable>;
  getNamedData(topic: string, init?: RequestInit, contentType?: ContentType): Promise<Readable>;
  createTopic(id: string, contentType: ContentType): Promise<Record<string, any>>;
  deleteTopic(id: string): Promise<{ message: string }>;
  getTopics(): Promise<TopicInfo[]>;
  getInstanceClient(id: string): InstanceClient;
  getSequenceClient(id: string): SequenceClient;
  getManagerClient(apiBase?: string): SpaceClient;
}

/** One Sequence of a Hub. */
export interface SequenceClient {
  readonly id: string;
  start(payload?: StartPayload): Promise<InstanceClient>;
  listInstances(): Promise<string[]>;
  getInstance(id: string, host?: HostClient): Promise<InstanceClient>;
  getInfo(): Promise<SequenceInfo>;
  overwrite(packed: Body, init?: RequestInit): Promise<SequenceClient>;
}

/** One Instance of a Hub. */
export interface InstanceClient {
  readonly id: string;
  stop(timeout?: number, canCallKeepalive?: boolean): Promise<InstanceInfo>;
  kill(options?: { removeImmediately?: boolean }): Promise<InstanceInfo>;
  sendEvent(name: string, message?: unknown): Promise<any>;
  /** Waits for the next event of a name. */
  getNextEvent(name: string): Promise<any>;
  /** The last event of a name; waits when there was none. */
  getEvent(name: string): Promise<any>;
  getEventStream(name: string, init?: RequestInit): Promise<Readable>;
  getHealth(): Promise<Health & Record<string, any>>;
  getInfo(): Promise<InstanceInfo>;
  getStream(name: 'stdout' | 'stderr' | 'output' | 'log', init?: RequestInit): Promise<Readable>;
  getLogStream(init?: RequestInit): Promise<Readable>;
  sendStream(name: 'stdin' | 'input', stream: Body, init?: RequestInit, options?: SendOptions): Promise<Readable>;
  sendInput(stream: Body, init?: RequestInit, options?: SendOptions): Promise<Readable>;
  sendStdin(stream: Body, init?: RequestInit): Promise<Readable>;
  /** Sends input and resolves with the output. */
  inout(stream: Body, init?: RequestInit, options?: SendOptions): Promise<Readable>;
}

/** The Space a Hub belongs to; rejects with NOT_FOUND when it belongs to none. */
export interface SpaceClient {
  readonly apiBase: string;
  getHostClient(id: string): HostClient;
  getHosts(): Promise<any[]>;
  getVersion(): Promise<Record<string, any>>;
  getLoad(): Promise<Record<string, any>>;
  sendNamedData(topic: string, stream: Body, init?: RequestInit, contentType?: ContentType, end?: boolean): Promise<Readable>;
  getNamedData(topic: string, init?: RequestInit, contentType?: ContentType): Promise<Readable>;
  sendTopic(topic: string, stream: Body, init?: RequestInit, contentType?: ContentType, end?: boolean): Promise<Readable>;
  getTopic(topic: string, init?: RequestInit, contentType?: ContentType): Promise<Readable>;
  getLogStream(init?: RequestInit): Promise<Readable>;
  getAuditStream(init?: RequestInit): Promise<Readable>;
  getConfig(): Promise<Record<string, any>>;
  getAllSequences(): Promise<SequenceInfo[]>;
  getSequences(): Promise<SequenceInfo[]>;
  getInstances(): Promise<InstanceInfo[]>;
  getTopics(): Promise<any[]>;
  getStoreItems(): Promise<any[]>;
  putStoreItem(packed: Body, id?: string): Promise<any>;
  deleteStoreItem(id: string): Promise<any>;
  clearStore(): Promise<any>;
  disconnectHubs(options: { id?: string; limit?: number; accessKey?: string }): Promise<any>;
  deleteHub(id: string, force?: boolean): Promise<any>;
}

import type { components } from './schema';

/** Short names for what docs/api/openapi.json describes; schema.d.ts is made from it by `npm run types`. */
type Schemas = components['schemas'];

export type States = Schemas['States'];
export type Cluster = Schemas['Cluster'];
export type Memory = Schemas['Memory'];
export type Worker = Schemas['Worker'];
export type Workers = Schemas['Workers'];
export type WorkerDetail = Schemas['WorkerDetail'];
export type TaskRow = Schemas['TaskRow'];
export type Tasks = Schemas['Tasks'];
export type TaskDetail = Schemas['Task'];
export type TaskError = Schemas['TaskError'];
export type Prefix = Schemas['Prefix'];
export type Prefixes = Schemas['Prefixes'];
export type GroupNode = Schemas['GroupNode'];
export type Groups = Schemas['Groups'];
export type Graph = Schemas['Graph'];
export type TaskStream = Schemas['TaskStream'];
export type Timeseries = Schemas['Timeseries'];
export type Stealing = Schemas['Stealing'];
export type Exceptions = Schemas['Exceptions'];
export type ClusterEvent = Schemas['Event'];
export type Events = Schemas['Events'];
export type Logs = Schemas['Logs'];
export type ProfilePast = Schemas['ProfilePast'];
export type TimeSpent = Schemas['TimeSpent'];
export type Spans = Schemas['Spans'];
export type Bandwidth = Schemas['Bandwidth'];
export type TaskLogs = Schemas['TaskLogs'];
export type Shuffles = Schemas['Shuffles'];
export type Lineage = Schemas['Lineage'];
export type Clients = Schemas['Clients'];
export type Login = Schemas['Login'];
export type Session = Schemas['Session'];
export type Action = Schemas['Action'];
export type StreamLine = Schemas['StreamLine'];

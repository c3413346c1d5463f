import type { Component } from 'svelte';
import { live } from './live.svelte';
import { short } from './data/format';
import Bandwidth from './pages/Bandwidth.svelte';
import Events from './pages/Events.svelte';
import Exceptions from './pages/Exceptions.svelte';
import Gpu from './pages/Gpu.svelte';
import Graph from './pages/Graph.svelte';
import Groups from './pages/Groups.svelte';
import InfoMain from './pages/InfoMain.svelte';
import InfoTask from './pages/InfoTask.svelte';
import InfoWorker from './pages/InfoWorker.svelte';
import Logs from './pages/Logs.svelte';
import Profile from './pages/Profile.svelte';
import ProfileServer from './pages/ProfileServer.svelte';
import Shuffle from './pages/Shuffle.svelte';
import Stealing from './pages/Stealing.svelte';
import Status from './pages/Status.svelte';
import System from './pages/System.svelte';
import Tasks from './pages/Tasks.svelte';
import Time from './pages/Time.svelte';
import Workers from './pages/Workers.svelte';

export interface Page {
  path: string;
  /** In the menu under this name; pages without one are reached by links. */
  menu?: string;
  title: (parameter: string) => string;
  component: Component<{ parameter: string }>;
  /** A number beside the name in the menu. */
  badge?: () => { text: string; alarm: boolean } | null;
}

/** Pages that take no parameter are handed one all the same. */
const plain = (component: Component<Record<string, never>>) => component as unknown as Component<{ parameter: string }>;

function menu(path: string, name: string, component: Component<{ parameter: string }>, badge?: Page['badge']): Page {
  return { path, menu: name, title: () => name, component, ...(badge ? { badge } : {}) };
}

const alarm = (value: number | undefined) => (value ? { text: short(value), alarm: true } : null);

/** Dask's own paths, so that links and habits carry over. */
export const pages: Page[] = [
  menu('status', 'Status', plain(Status)),
  menu('workers', 'Workers', Workers, () => (live.cluster ? { text: short(live.cluster.workers.total), alarm: false } : null)),
  menu('tasks', 'Tasks', plain(Tasks)),
  menu('system', 'System', plain(System)),
  menu('time', 'Time', plain(Time)),
  menu('profile', 'Profile', plain(Profile)),
  menu('graph', 'Graph', plain(Graph)),
  menu('groups', 'Groups', plain(Groups)),
  menu('shuffle', 'Shuffles', plain(Shuffle)),
  menu('stealing', 'Stealing', plain(Stealing)),
  menu('exceptions', 'Exceptions', plain(Exceptions), () => alarm(live.cluster?.tasks.erred)),
  menu('events', 'Events', plain(Events)),
  menu('logs', 'Logs', plain(Logs)),
  { path: 'profile-server', title: () => 'Profile of the scheduler', component: plain(ProfileServer) },
  { path: 'bandwidth', title: () => 'Bandwidth', component: plain(Bandwidth) },
  { path: 'gpu', title: () => 'GPUs', component: plain(Gpu) },
  { path: 'info/worker', title: (id) => `Worker ${id}`, component: InfoWorker },
  { path: 'info/task', title: (key) => key, component: InfoTask },
  { path: 'info/main', title: (name) => name, component: InfoMain },
];

/** The page of a path, and what follows its name: a key or an id, decoded. Dask's `.html` at the end of ids is taken off. */
export function pageOf(path: string): { page: Page; parameter: string } | null {
  const [first = '', second = '', ...rest] = path.replace(/^\//, '').split('/');
  const wanted = first === '' || first === 'login' ? 'status' : first === 'info' ? `info/${second}` : first;
  const page = pages.find((entry) => entry.path === wanted);
  if (!page || (first !== 'info' && second !== '')) return null;
  let parameter = rest.join('/');
  try {
    parameter = decodeURIComponent(parameter);
  } catch {
    // A path that nobody encoded is taken as it stands.
  }
  return { page, parameter: first === 'info' && second === 'worker' ? parameter.replace(/\.html$/, '') : parameter };
}

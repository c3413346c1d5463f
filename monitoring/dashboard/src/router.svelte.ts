import { address, pathBelowRoot } from './api/root';

/** The page that is shown, from the address bar. Links are plain links; clicks on them are taken over here. */
class Router {
  path = $state(pathBelowRoot(location.pathname));
  query = $state.raw(new URLSearchParams(location.search));

  start(): void {
    addEventListener('popstate', () => this.read());
    document.addEventListener('click', (event) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      // Links in drawings are of another kind than those in text; both have these attributes.
      const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
      if (!link || link.hasAttribute('target') || link.hasAttribute('download')) return;
      const to = new URL(link.getAttribute('href') ?? '', location.href);
      if (!to.href.startsWith(address(''))) return;
      event.preventDefault();
      this.go(to.href);
    });
  }

  go(href: string): void {
    const before = this.path;
    history.pushState(null, '', new URL(href, location.href));
    this.read();
    if (this.path === before) return;
    scrollTo(0, 0);
    // A reader of the screen hears where it is now.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
  }

  /** Changes the query of this page without a new entry in the history. */
  set(values: Record<string, string | null>): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === '') query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    history.replaceState(null, '', location.pathname + (text ? `?${text}` : ''));
    this.read();
  }

  private read(): void {
    this.path = pathBelowRoot(location.pathname);
    this.query = new URLSearchParams(location.search);
  }
}

export const router = new Router();

export function page(path: string, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return address(path) + (text ? `?${text}` : '');
}

export function taskPage(key: string): string {
  return address(`info/task/${encodeURIComponent(key)}`);
}

export function workerPage(id: number): string {
  return address(`info/worker/${id}`);
}

/** Inside a frame of somebody's notebook, links open a tab of their own, which shares the login of this one. */
export const framed = window.self !== window.top;
/** Where a click in a picture leads: as a link to a task would. */
export function openTask(key: string): void {
  if (framed) window.open(taskPage(key), '_blank');
  else router.go(taskPage(key));
}

export const linkTarget = framed ? { target: '_blank', rel: 'opener' } : {};

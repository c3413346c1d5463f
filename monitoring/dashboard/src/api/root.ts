/**
 * Where the dashboard lives: the folder above assets/, whatever prefix a proxy has put before it. Addresses are made from
 * here and never from the page's own, which may be two folders deep.
 */
export const root: URL = new URL(/* @vite-ignore */ '..', import.meta.url);

export function address(path: string): string {
  return new URL(path.replace(/^\//, ''), root).href;
}

/** The path of a page below the root: "/status", "/info/task/x". */
export function pathBelowRoot(pathname: string): string {
  return pathname.startsWith(root.pathname) ? `/${pathname.slice(root.pathname.length)}` : pathname;
}

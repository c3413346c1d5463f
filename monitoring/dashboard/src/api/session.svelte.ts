import { address } from './root';

/**
 * Who is looking. A token lives in sessionStorage: gone with the tab, never in a cookie, never in an address. It comes from
 * the one-time code in the fragment of the address that the scheduler prints (`#code=...`), or from the form.
 */

const storageKey = 'troupe.token';

class Session {
  token = $state<string | null>(read());
  scopes = $state<string[]>([]);
  /** Why there is no token, for the form. */
  problem = $state('');

  get admin(): boolean {
    return this.scopes.includes('admin');
  }

  use(token: string): void {
    this.token = token;
    this.problem = '';
    try {
      sessionStorage.setItem(storageKey, token);
    } catch {
      // A browser that keeps nothing keeps it as long as the page.
    }
  }

  end(problem: string): void {
    this.token = null;
    this.scopes = [];
    this.problem = problem;
    try {
      sessionStorage.removeItem(storageKey);
    } catch {
      // As above.
    }
  }

  /** Panels of one notebook share the storage of their tab: who logs in at one is in at all. */
  follow(): void {
    window.addEventListener('storage', (event) => {
      if (event.storageArea === sessionStorage && event.key === storageKey && event.newValue) this.token = event.newValue;
    });
  }
}

function read(): string | null {
  try {
    return sessionStorage.getItem(storageKey);
  } catch {
    return null;
  }
}

export const session = new Session();

/** Takes a code or a token out of the fragment, and the fragment out of the address bar and the history. */
export function takeFragment(location: Location, history: History): { code?: string; token?: string } {
  if (!location.hash) return {};
  const fragment = new URLSearchParams(location.hash.slice(1));
  const code = fragment.get('code') ?? undefined;
  const token = fragment.get('token') ?? undefined;
  if (code === undefined && token === undefined) return {};
  history.replaceState(history.state, '', location.pathname + location.search);
  return { code, token };
}

export async function logIn(code: string): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(address('api/v1/login'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code }),
      cache: 'no-store',
    });
  } catch {
    session.end('The scheduler does not answer. Is it still running?');
    return;
  }
  const body: unknown = answer.ok ? await answer.json().catch(() => null) : null;
  if (body && typeof body === 'object' && 'token' in body && typeof body.token === 'string') {
    session.use(body.token);
    return;
  }
  if (answer.status === 401) session.end('This link was used before, or is too old. troupe dashboard prints a new one.');
  else if (answer.status === 429) session.end('Too many links were wrong. Wait a minute, and use a new one.');
  else session.end(`The scheduler answered ${answer.status} to the login.`);
}

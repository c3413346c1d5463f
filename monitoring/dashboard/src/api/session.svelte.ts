import { address } from './root';

/**
 * Who is looking. A token lives in sessionStorage: gone with the tab, never in a cookie, never in an address. The hub of all
 * pages has it while the tab reads the stream, and of a tab that was killed some `silenceMax` longer if others live. It comes
 * from the one-time code in the fragment of the address that the scheduler prints (`#code=...`), or from the form.
 */

const storageKey = 'troupe.token';

class Session {
  token = $state<string | null>(read());
  scopes = $state<string[]>([]);
  /** Why there is no token, for the form. */
  problem = $state('');
  /** A code is being exchanged: nobody is asked for anything yet. */
  entering = $state(false);

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

  /** The scheduler does not know the token any more. */
  refuse(): void {
    if (this.token) this.end('The token is no longer valid: the scheduler was started anew, or it has expired.');
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

/** Exchanges a code for a token. A code that is refused ends no session that holds. */
export async function logIn(code: string): Promise<void> {
  session.entering = true;
  try {
    await exchange(code);
  } finally {
    session.entering = false;
  }
}

async function exchange(code: string): Promise<void> {
  const fail = (problem: string) => (session.token ? undefined : session.end(problem));
  let answer: Response;
  try {
    answer = await fetch(address('api/v1/login'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code }),
      cache: 'no-store',
    });
  } catch {
    return fail('The scheduler does not answer. Is it still running?');
  }
  const body: unknown = answer.ok ? await answer.json().catch(() => null) : null;
  if (body && typeof body === 'object' && 'token' in body && typeof body.token === 'string') return session.use(body.token);
  if (answer.status === 401) return fail('This link was used before, or is too old. troupe dashboard prints a new one.');
  if (answer.status === 429) return fail('Too many links were wrong. Wait a minute, and use a new one.');
  fail(`The scheduler answered ${answer.status} to the login.`);
}

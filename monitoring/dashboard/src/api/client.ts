import { address } from './root';
import { session } from './session.svelte';

/** An answer that is not what was asked for. `status` 0: the scheduler did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export function url(path: string, query: Query = {}): string {
  const result = new URL(address(path));
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== '') result.searchParams.set(name, String(value));
  return result.href;
}

export function authorization(): Record<string, string> {
  return session.token ? { Authorization: `Bearer ${session.token}` } : {};
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return request<T>(url(path, query), { headers: { ...authorization(), Accept: 'application/json' }, signal });
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(url(path), {
    method: 'POST',
    headers: { ...authorization(), 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
  });
}

async function request<T>(where: string, init: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(where, { ...init, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'the scheduler does not answer');
  }
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as T;
}

/** What an answer that is no answer says; a token that is refused ends the session. */
export async function refusal(answer: Response): Promise<ApiError> {
  if (answer.status === 401 && session.token) session.end('The token is no longer valid: the scheduler was started anew, or it has expired.');
  const text = await answer.text().catch(() => '');
  let message = text.trim().slice(0, 400);
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === 'object' && 'error' in body) {
      const { error } = body;
      if (typeof error === 'string') message = error;
      else if (error && typeof error === 'object' && 'message' in error) message = String(error.message);
    }
  } catch {
    // Plain text is as good.
  }
  return new ApiError(answer.status, message || `the scheduler answered ${answer.status}`);
}
